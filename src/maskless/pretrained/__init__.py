"""Other people's models: what they are, where their packages and weights are, and how they are called.

`catalogue` describes them, `environments` makes the virtual environment that a model's packages need,
`adapters` call the packages, and `worker` runs an adapter in its environment.
"""
