"""The conformance vector of idempotency."""


def test_co_02_the_same_key_with_another_body_is_refused_and_nobody_is_asked(world):
    """422, and no upstream call."""
    world.ask("hi", key="k")
    assert world.fail("ho", key="k").status == 422
    assert world.sent() == 1
