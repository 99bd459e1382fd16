"""The nouns, the seams, the vocabulary of failure; what checks, actions and views mean. Imports nothing of ours."""
