"""Who proposes tasks and who carries them out."""
