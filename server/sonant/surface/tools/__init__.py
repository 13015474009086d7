"""The tools: each file is one readable value."""
