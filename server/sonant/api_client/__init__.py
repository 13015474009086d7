"""Speaks the wire to a base URL. The only thing in Sonant that sends HTTP to a speech service."""
