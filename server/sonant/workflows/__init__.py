"""Many calls, one result: what a tool does, without knowing how an assistant sees it."""
