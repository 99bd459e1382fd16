"""Tasks proposed by a language model that is told of the site, the agent's mastery and the user's goals."""
