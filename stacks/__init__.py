"""What an environment is: typed settings, the connection budget, who may reach what, the wiring."""
