"""What moves: vehicles, people, and where they are at each time."""
