"""The lab: providers that are simulated, so that failures can be had on demand."""
