"""What a job or a workflow builds: a platform and perhaps the store that it is for."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from delivr_operator.resource import Frozen, Platform, Target

_PLATFORMS = {Target.APP_STORE: Platform.IOS, Target.PLAY_STORE: Platform.ANDROID}


class Build(Frozen):
    """One build by its name, what for."""

    name: Annotated[str, Field(min_length=1, max_length=255)]
    platform: Platform
    target: Target | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.target is not None and self.platform is not _PLATFORMS[self.target]:
            raise ValueError(
                f"target {self.target} is for platform {_PLATFORMS[self.target]}; change one of the two"
            )
        return self
