"""From judged episodes to new weights."""
