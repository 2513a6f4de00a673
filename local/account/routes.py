"""The account's own routes, beside AWS's: for whoever starts it, on this machine."""

HEALTH = "/_account/health"
LANDING_ZONE = "/_account/landing-zone"
