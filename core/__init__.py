"""How frames move: the graph, the plan, the workers and the links between them."""
