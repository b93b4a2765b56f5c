"""A queue that one can hold in the hand: work by priority, so much at once, so often a minute, and nothing lost.

    with Queue(concurrency=5, rpm=60) as queue:
        tickets = [queue.submit("normal", ask, question) for question in questions]
        answers = [ticket.result() for ticket in tickets]

What is accepted ends in exactly one way, and whoever handed it in is told: done, failed, cancelled, rejected because it
did not begin in time, or given back because the queue stopped first.
"""

from outlast.queue.asynchronous import AsyncQueue
from outlast.queue.blocking import Queue
from outlast.queue.standing import Leftover, QueueState
from outlast.queue.ticket import Ticket

__all__ = ["AsyncQueue", "Leftover", "Queue", "QueueState", "Ticket"]
