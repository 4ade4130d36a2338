"""What the service reports about itself: logs and traces."""
