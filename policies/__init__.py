"""The CrossGuard pack: rules that refuse what is unsafe, in previews and before they land."""
