"""The optimisers, their rates over a run, and the averages of weights; nothing here knows what is learned."""
