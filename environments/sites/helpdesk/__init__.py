"""The help desk: tickets in queues, worked on by signed-in agents."""
