"""What layers are made of: the call they pass down, the answer that climbs back, and the gate that most of them are."""
