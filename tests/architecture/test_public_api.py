"""The public interface is that of `public_api.txt`: whoever changes it does so on purpose."""

from difflib import unified_diff

from tests.architecture.public_api import FILE, lines

REMAKE = "python -m tests.architecture.public_api"


def test_the_public_interface_is_the_one_that_is_written_down() -> None:
    written, found = FILE.read_text("utf-8").splitlines(), lines()
    changes = [
        line
        for line in unified_diff(written, found, "public_api.txt", "the source", n=0, lineterm="")
        if not line.startswith("@@")
    ]
    assert not changes, "\n".join(
        ["The public interface has changed. If that is meant:", f"    {REMAKE}", *changes]
    )


def test_the_file_holds_what_users_meet() -> None:
    names = {line.split("(")[0].split(":")[0] for line in lines()}
    assert {
        "Control.tolerance",
        "GeneralisedMixedModel.predict",
        "LinearMixedModel.anova",
        "LinearMixedModel.params",
        "MixedLM.fit",
        "errors.DataError",
        "plots.BootstrappedModel.conf_int",
        "lmm",
        "means.Means.pairs",
        "planning.plan",
        "plots.Plots.effects",
        "posthoc.By = str | Sequence[str] | None",
    } <= names
    assert not {name for name in names if name.rpartition(".")[2].startswith("_")} - {
        name for name in names if name.endswith("__")
    }


def test_a_signature_is_as_it_is_written() -> None:
    [line] = [line for line in lines() if line.startswith("datasets.load(")]
    assert line == "datasets.load(name: str, backend: Backend='pandas') -> Any"
