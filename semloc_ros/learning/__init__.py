"""Training programs, one per model, on one loop. Nothing that runs on a robot imports them."""
