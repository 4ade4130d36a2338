"""Jobs in, messages out."""
