"""What the engine speaks of: messages, errors, targets and events. Plain data, no input or output."""
