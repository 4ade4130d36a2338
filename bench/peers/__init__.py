"""What the service is compared with: the same work in other frameworks, each its own process."""
