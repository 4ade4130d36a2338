"""The endpoints of `spec/operator-openapi.yaml`: what operators see."""
