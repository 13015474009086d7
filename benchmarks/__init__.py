"""What Sonant costs, measured. `python -m benchmarks` prints one table; nothing here is asserted by a test."""
