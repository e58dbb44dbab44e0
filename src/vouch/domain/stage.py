"""The three stages in the life of a guarantee at which its risk is scored."""

from enum import StrEnum


class Stage(StrEnum):
    """保前准入, 保中授信, 保后预警."""

    PRE_LOAN = "pre_loan"
    IN_LOAN = "in_loan"
    POST_LOAN = "post_loan"

    @property
    def slug(self) -> str:
        """The name in addresses and registered models.

        >>> Stage.PRE_LOAN.slug
        'pre-loan'
        """
        return self.value.replace("_", "-")

    @property
    def model_name(self) -> str:
        """The name under which versions are registered.

        >>> Stage.POST_LOAN.model_name
        'vouch-post-loan'
        """
        return f"vouch-{self.slug}"

    @classmethod
    def parse(cls, text: str) -> "Stage":
        """Read a stage written with a dash or an underscore.

        >>> Stage.parse("in-loan")
        <Stage.IN_LOAN: 'in_loan'>

        Raises:
            ValueError: `text` names no stage.
        """
        return cls(text.strip().lower().replace("-", "_"))
