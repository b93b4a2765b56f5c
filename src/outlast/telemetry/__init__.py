"""Sinks: what is made of the events that the core emits. None knows another, and the core knows none of them."""
