"""Measurements beside an alternative, as ratios; nothing here passes or fails."""
