"""How the embedded policy was made: page generator, tokenizer and training script."""
