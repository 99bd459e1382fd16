"""What is remembered: the record of every episode."""
