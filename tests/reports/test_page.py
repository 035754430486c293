import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from cheapsearch.reports import load_trainings, page, retraining_frame, run_tables, trials_frame, write_report
from cheapsearch.space import FLOPS_CONVENTION, UserError
from cheapsearch.space.saved_run import load_run
from cheapsearch.space.text import times
from cheapsearch.space.verdict import verdict

VOID = {"meta", "input", "br"}
BAD = "</script><script>alert(1)</script>"


class Page(HTMLParser):
    """Checks that elements nest; `elements` are (tag, attributes, the text directly inside)."""

    def __init__(self, html):
        super().__init__()
        self.open, self.elements = [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        element = (tag, dict(attrs), [])
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        if self.open:
            self.open[-1][2].append(data)

    @property
    def text(self):
        shown = (texts for tag, _, texts in self.elements if tag not in ("script", "style"))
        return " ".join("".join(texts) for texts in shown)

    @property
    def tables(self):
        return [attrs["id"] for attrs in self.find("table") if "id" in attrs]

    def inside(self, tag, **wanted):
        return ["".join(texts) for t, a, texts in self.elements if t == tag and wanted.items() <= a.items()]

    def find(self, tag, **wanted):
        return [a for t, a, _ in self.elements if t == tag and wanted.items() <= a.items()]


def drawings(report):
    return ["".join(texts) for _, attrs, texts in report.elements if "data-draws" in attrs]


def read(path):
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture
def report(make_run):
    return read(write_report(make_run()))


def test_write_report_writes_one_page_into_the_folder(make_run):
    folder = make_run()
    path = write_report(folder)
    assert path == folder / "report.html"
    found = read(path)
    assert found.tables == ["front", "trials"]
    assert [attrs["id"] for attrs in found.find("div", **{"class": "plot"})] == [
        "accuracy-params",
        "accuracy-flops",
        "by-site",
        "progress",
    ]


def test_write_report_loads_nothing(report):
    loading = {"src", "href", "srcset", "action", "data", "poster"}
    found = [attrs for _, attrs, _ in report.elements if loading & set(attrs)]
    places = {attrs.get("id") for _, attrs, _ in report.elements}
    assert [attrs for attrs in found if attrs["href"][:1] != "#" or attrs["href"][1:] not in places] == []
    (policy,) = report.find("meta", **{"http-equiv": "Content-Security-Policy"})
    assert policy["content"].startswith("default-src 'none'")
    assert "http" not in policy["content"]
    (style,) = report.inside("style")
    assert "url(" not in style
    assert "@import" not in style


def test_write_report_leaves_out_the_button_that_uploads_figures(report):
    script = report.inside("script")[-1]
    assert "showSendToCloud: false" in script
    assert "plotlyServerURL: ''" in script


def test_write_report_has_the_texts_of_trials_once(report):
    (known,) = ["".join(texts) for _, attrs, texts in report.elements if "data-trials" in attrs]
    trials = json.loads(known)
    assert trials["number"] == list(range(7))
    assert trials["hover"][1].startswith("<b>trial 1</b>")
    assert trials["network"] == [0, 1, 2, 3, 4, 5, 6]
    assert trials["front"] == [False, True, False, True, False, False, False]
    assert trials["compared"] == [True] * 4 + [False] * 2 + [True]
    assert trials["costs"]["params"][1] == 1_000_000
    assert trials["sites"]["expand"][:3] == ["conv", "reuse", "ghost"]
    assert not [text for text in drawings(report) if "<b>trial 1" in text or "u003cb\\u003etrial 1" in text]


def test_write_report_draws_the_network_of_the_pick_where_its_parts_are_known(make_run, write_insight):
    folder = make_run()
    assert not read(write_report(folder)).find("svg")
    write_insight(folder, missing="too few networks")
    drawn = read(write_report(folder))
    assert drawn.find("div", **{"class": "network"})
    assert any(
        "The network of trial 1, stage by stage" in (svg.get("aria-label") or "") for svg in drawn.find("svg")
    )


@pytest.mark.parametrize(("limits", "rule"), [({}, "knee"), ({"params": 9_000_000}, "accuracy")])
def test_next_steps_export_the_pick_of_best_yaml(make_run, limits, rule):
    run = load_run(make_run())
    settings = replace(run.record.settings, limits=limits)
    html = page.render(replace(run, record=replace(run.record, settings=settings)))
    assert f" --pick {rule} -o best.yaml" in html


def test_write_report_lets_filters_choose_among_the_operations_of_the_space(report, make_run):
    sites = [attrs["data-site"] for attrs in report.find("select")]
    assert sites == ["first_conv", "expand", "project", "shortcut", "last_stage"]
    assert {"conv", "reuse", "ghost"} <= set(report.inside("option"))
    assert [attrs["data-budget"] for attrs in report.find("input", type="number")] == ["params", "flops"]


def test_write_report_gives_every_figure_its_data(report):
    drawn = [json.loads(text) for text in drawings(report)]
    assert len(drawn) == len(report.find("div", **{"class": "plot"}))
    assert all(figure["data"] and figure["layout"]["height"] > 0 for figure in drawn)


def test_write_report_escapes_everything_from_files(make_run, make_trial):
    trials = [
        make_trial(0, 72.0, 20, 30, origin=BAD),
        make_trial(1, 70.0, 10, 20, origin=BAD, expand="reuse"),
        make_trial(2, None, 5, 9, reason=BAD, origin=BAD),
    ]
    names = ("version", "created", "dataset", "fingerprint", "sampler", "device", "storage", "data_dir")
    changes = dict.fromkeys(names, BAD) | {"proxy": {BAD: BAD}, "versions": {BAD: BAD}}
    path = write_report(make_run(trials, **changes))
    assert "<script>alert" not in path.read_text(encoding="utf-8")
    assert read(path).text.count("alert(1)") > len(names)


@pytest.mark.parametrize("name", ["front", "trials"])
def test_write_report_sorts_tables_by_buttons(report, name):
    heads = [head for head in report.find("th", scope="col") if "aria-sort" in head]
    assert {head["aria-sort"] for head in heads} == {"none", "ascending"}
    assert name in {attrs["id"] for attrs in report.find("table", **{"class": "sortable"})}


def test_write_report_lists_every_trial_with_state_and_reason(make_run):
    folder = make_run()
    report = read(write_report(folder))
    cells = report.inside("td")
    for state, count in trials_frame(load_run(folder))["state"].value_counts().items():
        assert cells.count(state) == count
    assert "loss was not a number" in cells
    assert "over the limit" in cells
    assert "7 of 7 shown" in report.text


def test_write_report_says_what_is_needed_to_repeat_the_run(make_run):
    folder = make_run()
    text = read(write_report(folder)).text
    for part in (
        f"{load_run(folder).record.settings.command} --out {folder}-again",
        "7, sampler tpe",
        "cpu",
        "9c2f0b1d",
        "epochs 3, width 0.5",
        "torch 2.6.0",
    ):
        assert part in text


def test_write_report_says_what_the_numbers_are(make_run):
    folder = make_run()
    report, claims = read(write_report(folder)), load_run(folder).claims
    assert "short proxy training" in report.text
    assert "Test images are never used" in report.text
    assert f"A gap under about {claims.gap:.1f} points between two trainings says nothing." in report.text
    assert f"{claims.deviation:.2f} points" in report.text
    assert FLOPS_CONVENTION in report.text


def test_write_report_says_the_verdict_first(make_run):
    folder = make_run()
    text = read(write_report(folder)).text
    lines = [line[:1].upper() + line[1:] for line in verdict(load_run(folder))]
    assert lines
    places = [text.index(line) for line in lines]
    assert places == sorted(places)
    assert text.index("What did I get?") < places[0]
    assert places[-1] < text.index("The pick: trial") < text.index("says nothing")


def test_write_report_answers_the_questions_of_a_user_in_their_order(report):
    questions = [
        "What did I get?",
        "What were my choices?",
        "What does each operation buy?",
        "Was the search done?",
        "Can I trust it?",
        "All trials",
        "How do I repeat it?",
    ]
    assert report.inside("h2") == questions
    linked = [attrs["href"][1:] for attrs in report.find("a")]
    assert linked == [attrs["id"] for attrs in report.find("section")]
    assert report.inside("a") == questions


@pytest.mark.parametrize(
    ("objectives", "asides"),
    [(("accuracy", "params"), [False, True]), (("accuracy", "params", "flops"), [False, False])],
)
def test_write_report_shows_both_costs_and_says_which_was_no_objective(make_run, objectives, asides):
    captions = read(write_report(make_run(objectives=objectives))).inside("figcaption")
    said = ["This cost was not an objective of the run." in caption for caption in captions[:2]]
    assert said == asides


@pytest.mark.parametrize("count", [0, 1])
def test_write_report_renders_without_complete_trials(make_run, make_trial, count):
    trials = [make_trial(number, None, 5, 9, reason="out of memory") for number in range(count)]
    report = read(write_report(make_run(trials)))
    assert "No trial is complete yet" in report.text
    assert "says nothing" not in report.text
    answered = ["What did I get?", "Was the search done?", "All trials", "How do I repeat it?"]
    assert report.inside("h2") == answered
    assert report.tables == ["trials"]
    assert report.inside("td").count("out of memory") == 2 * count  # in its row, and among the reasons


def test_write_report_renders_one_complete_trial(make_run, make_trial):
    report = read(write_report(make_run([make_trial(0, 72.0, 20, 30, origin="unmodified")])))
    assert report.tables == ["front", "trials"]  # nothing to compare
    assert len(report.find("div", **{"class": "card"})) == 1


def test_write_report_renders_choices_stage_by_stage(make_run, make_trial):
    staged = ("conv", "reuse", "reuse", *["conv"] * 4)
    trials = [make_trial(0, 72.0, 20, 30), make_trial(1, 70.0, 10, 20, expand=staged)]
    report = read(write_report(make_run(trials, per_stage=("expand",))))
    assert "1 conv · 2-3 reuse · 4-7 conv" in report.inside("td")
    assert report.find("div", id="by-stage")


def test_write_report_replaces_an_earlier_report(make_run):
    folder = make_run()
    (folder / "report.html").write_text("old", encoding="utf-8")
    write_report(folder)
    assert read(folder / "report.html").find("table")
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "run.yaml", "trials.csv"]


def test_write_report_keeps_the_earlier_report_when_writing_fails(make_run, monkeypatch):
    folder = make_run()
    (folder / "report.html").write_text("old", encoding="utf-8")

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(page, "render", lambda run, plotly: "new" * 100_000)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_report(folder)
    assert (folder / "report.html").read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "run.yaml", "trials.csv"]


def test_write_report_refuses_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(UserError, match=r"run\.yaml' is missing"):
        write_report(tmp_path)
    assert list(tmp_path.iterdir()) == []


def by_params(folder, numbers):
    return sorted(
        (load_run(folder).trials[number] for number in numbers), key=lambda trial: trial.costs["params"]
    )


def test_page_shows_what_was_retrained(make_run, write_training):
    folder = make_run()
    assert "Retrained" not in read(write_report(folder)).inside("h3")
    for number, accuracy in ((0, 93.0), (1, 92.0), (2, 90.0)):
        write_training(folder, number, 7, accuracy, accuracy - 1)
    shown = read(write_report(folder))
    assert "Retrained" in shown.inside("h3")
    assert shown.find("table", id="retrained")
    assert "over 3 networks" in shown.text
    table = run_tables.retrained_table(
        retraining_frame(trials_frame(load_run(folder)), load_trainings(folder))
    )
    # The fewest parameters first, as the mark on the heading says.
    assert [row.trial for row in table.rows] == [trial.number for trial in by_params(folder, (0, 1, 2))]
    assert "So few networks say little." in shown.text
    assert {"retrained-params", "retrained-flops", "proxy-retrained", "curves"} <= {
        drawing["data-draws"] for drawing in shown.find("script") if "data-draws" in drawing
    }


@pytest.mark.parametrize(("dataset", "said"), [("cifar10", True), ("cifar100", False)])
def test_page_says_where_published_accuracies_do_not_hold(make_run, write_training, dataset, said):
    folder = make_run(dataset=dataset)
    write_training(folder, 0, 7, 93.0, 92.0)
    shown = read(write_report(folder)).text
    assert ("Published accuracies are known for CIFAR-100 only." in shown) == said
    assert "1 network trained in full: too few" in shown


def test_page_shows_spreads_over_seeds(make_run, write_training):
    folder = make_run()
    write_training(folder, 0, 7, 93.0, None)
    write_training(folder, 0, 8, 95.0, None)
    found = read(write_report(folder))
    assert "94.00" in found.text
    assert "± 1.41" in found.inside("small")  # of 93 and 95


def test_write_report_refuses_a_damaged_training(make_run, write_training):
    folder = make_run()
    path = write_training(folder, 0, 7, 93.0, 92.0) / "result.json"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"result\.json: must be what a training wrote"):
        write_report(folder)
    assert not (folder / "report.html").exists()


def test_page_says_which_length_everything_is_of(lengths_run):
    shown = read(write_report(lengths_run))
    assert "How lengths agree" in shown.inside("h3")
    assert "were chosen for being good" in shown.text
    assert "lengths" in {attrs["id"] for attrs in shown.find("div", **{"class": "plot"})}
    captions = shown.inside("figcaption")
    assert [f"All are trainings {times(4)}." in caption for caption in captions[:2]] == [True, True]
    paragraphs = shown.inside("p")
    (operations,) = [text for text in paragraphs if "Matched pairs" in text]
    assert f"All are trainings {times(1)}, which most networks had." in operations
    (front,) = [text for text in paragraphs if text.startswith("Differences are to")]
    assert f"All are trainings {times(4)}." in front
    assert [caption for caption in captions if f"another length than {times(4)}" in caption]


def test_page_of_equal_trainings_names_no_length(report):
    assert "How lengths agree" not in report.inside("h3")
    assert not [mark for mark in ("length", times(1)) if mark in report.text]


def test_page_says_nothing_of_agreement_before_a_longer_training(make_run, make_trial):
    folder = make_run([make_trial(0, 50.0, 20, 30)], rungs=(1, 4))
    assert "How lengths agree" not in read(write_report(folder)).inside("h3")
