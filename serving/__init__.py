"""Where completions come from."""

from pathlib import Path

# The folder of the policy that comes with the project.
EMBEDDED = Path(__file__).parent / "embedded"
