"""The ways to direct beside the hand: each a controller with its own page in the dock."""
