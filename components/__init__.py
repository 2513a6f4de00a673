"""Component resources: what an operator names. They read no configuration and no environment."""
