"""`outlast` in a FastAPI application of your own: honest errors, limits per user, deadlines, and a bounded front.

    app = FastAPI()
    outlast.fastapi.install(app, concurrency=200)          # failures as answers, request ids, deadlines, shedding
    per_user = Limiter(rpm=60, concurrent=4)

    @app.post("/ask", dependencies=[Depends(per_user)])
    async def ask(question: str) -> str:
        return (await client.chat(question)).text

Needs the extra: `pip install 'outlast[fastapi]'`. Nothing else of `outlast` imports FastAPI.
"""

from outlast.fastapi.admission import Admission
from outlast.fastapi.answers import Refused, handlers
from outlast.fastapi.application import install
from outlast.fastapi.limiter import Limiter, Permit
from outlast.fastapi.who import User

__all__ = ["Admission", "Limiter", "Permit", "Refused", "User", "handlers", "install"]
