"""The loop that ties the rooms together; also the documented Python API."""
