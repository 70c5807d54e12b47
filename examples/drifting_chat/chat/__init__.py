"""A support chat as many teams have one: grown in parts that each make their own ids."""
