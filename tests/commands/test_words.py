import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given
from hypothesis import strategies as st

from maskless.commands.words import translate
from maskless.errors import UserError

PARSER = OverridesParser.create()
#: What Hydra's grammar gives a meaning to, and other trouble.
AWKWARD = st.text(
    st.sampled_from(list("ab'\"\\[]{}(),=:$%@ \täßé日~#+-!*?;&|<>`./0")), min_size=1, max_size=12
)
PATHS = AWKWARD | st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


def understood(word: str):
    """The value that Hydra reads out of the one word that `word` becomes."""
    (translated,) = translate([word])
    return PARSER.parse_override(translated).value()


def quoted_already(path: str) -> bool:
    """A path in quotes of its own is taken as quoted: so are the paths in the jobs of a sweep."""
    return len(path) > 1 and path[0] == path[-1] and path[0] in "'\""


@pytest.mark.parametrize(
    "key", ["input", "output", "run", "resume", "region", "data_root", "runs_dir", "dataset.path", "+run"]
)
@given(path=PATHS)
@example(path="a b")
@example(path=" leading and trailing ")
@example(path="it's")
@example(path="'")
@example(path="C:\\x\\")
@example(path="\\'")
@example(path="Zellkörner, [neu]={1}/$x.tif")
@example(path="1")
@example(path="true")
def test_any_path_reaches_hydra_as_it_is(key, path):
    if not quoted_already(path) and path != "null":
        assert understood(f"{key}={path}") == path


@given(path=PATHS)
def test_what_a_sweep_hands_to_its_jobs_is_the_same_path(path):
    """Hydra writes the value of an override in its own quotes; the job's words are translated again."""
    if quoted_already(path) or path == "null":
        return
    once = PARSER.parse_override(translate([f"input={path}"])[0])
    handed_on = f"{once.get_key_element()}={once.get_value_element_as_str()}"
    assert understood(handed_on) == path


@given(paths=st.lists(st.text(st.sampled_from("ab [](){}='ä\\:"), min_size=1), min_size=1, max_size=4))
def test_lists_of_paths(paths):
    paths = [path.strip() for path in paths if path.strip() and "'" not in path]
    assert understood(f"runs=[{','.join(paths)}]") == paths


def test_a_path_with_a_comma_in_a_list_stands_in_quotes():
    assert understood("""runs=['a,b',c d,"e, [f]"]""") == ["a,b", "c d", "e, [f]"]
    assert understood("runs=a,b") == ["a,b"]
    assert understood("runs=[]") == []


def test_null_stays_null():
    assert understood("resume=null") is None


@pytest.mark.parametrize(
    ("word", "translated"),
    [
        ("prior=synthetic", ["dataset@prior=synthetic"]),
        ("target=synthetic", ["dataset@target=synthetic"]),
        ("postprocess=boundary", ["postprocess@method.chain=boundary"]),
        ("augment=tissue", ["augment@method.augment=tissue"]),
        ("colour=reinhard", ["colour@method.colour=reinhard"]),
        ("colour=null,white_balance", ["colour@method.colour=none,white_balance"]),
        ("test=[tnbc,folder]", ["+dataset@test.tnbc=tnbc", "+dataset@test.folder=folder"]),
        ("test=tnbc,folder", ["+dataset@test.tnbc=tnbc", "+dataset@test.folder=folder"]),
        ("test=tnbc", ["+dataset@test.tnbc=tnbc"]),
        ("test=[]", []),
        ("fold=3", ["dataset.split=fold3"]),
        ("fold=0,4", ["dataset.split=fold0,fold4"]),
        ("fold=8..10", ["dataset.split=fold8,fold9,fold10"]),
        ("spn=runs/a b", ["method.spn='runs/a b'"]),
        ("attention=runs/a b", ["method.before='runs/a b'"]),
        ("test.folder.path=a b", ["test.folder.path='a b'"]),
        ("method.lr=3e-4", ["method.lr=3e-4"]),
        ("~method.augment.hue", ["~method.augment.hue"]),
    ],
)
def test_short_words(word, translated):
    assert translate([word]) == translated


def test_the_chain_of_a_run_is_no_part_of_a_composed_method():
    assert translate(["run=a", "postprocess=boundary"]) == ["run='a'", "+postprocess@chain=boundary"]


def test_flags_come_first_wherever_they_stand():
    words = ["seed=1", "--config-dir", "my own", "-m", "method=a", "--cfg=job", "--resolve"]
    assert translate(words) == [
        "--config-dir",
        "my own",
        "-m",
        "--cfg",
        "job",
        "--resolve",
        "seed=1",
        "method=a",
    ]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["seed"], "cannot read 'seed': options are written key=value"),
        (["=3"], "cannot read '=3'"),
        ([""], "cannot read ''"),
        (["--multrun"], "there is no flag '--multrun'.*did you mean '--multirun'"),
        (["-x"], "there is no flag '-x'.*known: --cfg"),
        (["--config-dir"], "--config-dir takes a folder"),
        (["--config-dir="], "--config-dir takes a folder"),
        (["--cfg", "jib"], "--cfg takes job, hydra or all, not 'jib'"),
        (["--multirun=yes"], "--multirun takes no value"),
    ],
)
def test_words_that_cannot_be_read(words, sentence):
    with pytest.raises(UserError, match=sentence):
        translate(words)


@pytest.fixture
def studies(tmp_path, monkeypatch):
    """A working folder with experiments/table/two.yaml, and its place."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "experiments" / "table"
    folder.mkdir(parents=True)
    (folder / "two.yaml").write_text("# @package _global_\nseed: 5\n")
    (folder / "plain.yaml").write_text("seed: 5\n")
    (folder.parent / "alone.yaml").write_text("# @package _global_\n")
    return folder.parent


def test_a_study_is_a_group_on_the_search_path(studies):
    searchpath, choice = translate(["experiment=table/two"])
    assert PARSER.parse_override(searchpath).value() == [f"file://{studies}"]
    assert choice == "+table=two"
    assert translate(["+table=two"]) == [searchpath, choice]  # as a job of a sweep is given it


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("table/tow", "there is no study experiments/table/tow.yaml; did you mean 'table/two'"),
        ("alone", "in a folder of its own"),
        ("table/plain", "must begin with the line '# @package _global_'"),
    ],
)
def test_what_is_no_study(studies, name, sentence):
    with pytest.raises(UserError, match=sentence):
        translate([f"experiment={name}"])
