"""What runs networks: NAME.py is a runtime, NAME.yaml a profile."""
