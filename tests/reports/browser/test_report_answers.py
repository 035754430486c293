"""What a reader does with the report: sorting, filtering, selecting, setting budgets, copying."""

import pytest

from cheapsearch.reports import write_report
from cheapsearch.space.saved_run import load_run

WITHIN = "#within span"


@pytest.fixture
def run(make_run):
    return load_run(make_run())


@pytest.fixture
def page(open_page, run):
    return open_page(write_report(run.path))


def numbers(page, table):
    return [int(text) for text in page.locator(f"#{table} tbody button.pick").all_inner_texts()]


def rings(page):
    """Which figures ring a trial."""
    return page.locator(".ring.selected").evaluate_all(
        "rings => rings.map(ring => ring.closest('.drawing').firstElementChild.id)"
    )


def place(page, figure, number):
    """Where a trial's point is, in pixels of the window."""
    page.locator(f"#{figure}").scroll_into_view_if_needed()
    return page.evaluate(
        """([figure, number]) => {
          const plot = document.getElementById(figure), {xaxis, yaxis} = plot._fullLayout;
          const trace = plot.data.find(one => one.meta?.of === 'trials' && one.customdata.includes(number));
          const index = trace.customdata.indexOf(number), box = plot.getBoundingClientRect();
          return [box.left + xaxis._offset + xaxis.d2p(trace.x[index]),
            box.top + yaxis._offset + yaxis.d2p(trace.y[index])];
        }""",
        [figure, number],
    )


def bright(page, figure):
    """The trials of a figure that are not dimmed."""
    return page.evaluate(
        """figure => document.getElementById(figure).data
          .filter(trace => trace.meta?.of === 'trials' && trace.selectedpoints)
          .flatMap(trace => trace.selectedpoints.map(index => trace.customdata[index]))""",
        figure,
    )


def settled(page, said):
    page.wait_for_function(
        "([place, said]) => document.querySelector(place).textContent === said", arg=[WITHIN, said]
    )
    page.wait_for_timeout(400)  # figures are dimmed a little after the count


def test_heading_sorts_by_click_and_by_keyboard(page, run):
    by_params = sorted(run.trials, key=lambda trial: trial.costs["params"])
    heading = page.locator("#trials thead button", has_text="params").first
    heading.click()
    assert numbers(page, "trials")[:3] == [trial.number for trial in by_params[:3]]
    heading.press("Enter")
    assert numbers(page, "trials")[-3:] == [trial.number for trial in by_params[2::-1]]
    assert page.locator("#trials th[aria-sort=descending]").inner_text().startswith("params")


def test_words_filter_the_trials(page):
    page.fill("#filter", "complete ghost")
    assert numbers(page, "trials") == [2]
    assert page.inner_text("#trials-shown") == "1 of 7 shown"


def test_row_selects_its_trial_everywhere_and_escape_lets_it_go(page):
    page.locator("#trials tr[data-trial='3'] td").nth(1).click()
    assert sorted(set(rings(page))) == ["accuracy-flops", "accuracy-params", "by-site", "progress"]
    assert page.locator("tr.selected").evaluate_all("rows => rows.map(row => row.closest('table').id)") == [
        "front",
        "trials",
    ]
    assert page.inner_text("#selected p").startswith("trial 3 ")
    page.keyboard.press("Escape")
    assert rings(page) == []
    assert page.locator("tr.selected").count() == 0
    assert page.locator("#selected").is_hidden()


def test_trial_stands_for_all_trainings_of_its_network(open_page, lengths_run):
    page = open_page(write_report(lengths_run))
    page.click("#front tr[data-trial='6'] button.pick")  # trial 1 is the shorter training, 8 a repeat
    rows = page.locator("#trials tr.selected")
    assert rows.evaluate_all("rows => rows.map(row => Number(row.dataset.trial))") == [1, 6, 8]
    assert page.locator("#trials button[aria-pressed=true]").all_inner_texts() == ["6"]
    assert {"by-site", "progress", "lengths"} <= set(rings(page))  # operations are compared by trial 1


def test_keyboard_selects_a_trial(page):
    button = page.locator("#front tbody button.pick").first
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    assert len(rings(page)) > 1
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    assert rings(page) == []


def test_point_shows_and_selects_its_trial(page):
    page.mouse.move(*place(page, "accuracy-flops", 3))
    page.wait_for_selector(".hoverlayer .hovertext")
    assert "trial 3" in page.locator(".hoverlayer .hovertext").text_content()
    page.wait_for_selector("#trials tr.hovered[data-trial='3']")
    page.mouse.click(*place(page, "accuracy-flops", 3))
    page.wait_for_selector("#trials tr.selected[data-trial='3']")
    assert "accuracy-params" in rings(page)


def test_site_filter_dims_figures_and_narrows_tables(page, run):
    wanted = [trial.number for trial in run.trials if trial.architecture.expand == "reuse"]
    assert wanted == [1]
    page.select_option("select[data-site=expand]", "reuse")
    settled(page, "1 of 5 networks fit, 1 of the front; the most accurate:")
    assert numbers(page, "trials") == numbers(page, "front") == wanted
    assert set(bright(page, "accuracy-params")) == set(bright(page, "progress")) == set(wanted)
    page.click("#show-all")
    settled(page, "5 networks")
    assert len(numbers(page, "trials")) == 7
    assert bright(page, "accuracy-params") == []


def said_within(run, most):
    """The sentence about a budget of parameters, and who is the most accurate within."""
    expected, front = run.claims.expected, {1, 3}
    left = [number for number in expected if run.trials[number].costs["params"] <= most]
    best = max(left, key=lambda number: expected[number].mean)
    said = f"{len(left)} of {len(expected)} networks fit the budget, {len(front & set(left))} of the front"
    return f"{said}; the most accurate:", best


def test_budget_counts_what_is_left(page, run):
    said, best = said_within(run, 1_500_000)
    page.fill("#budget-params", "1.5")  # at, so within
    settled(page, said)
    assert numbers(page, "trials") == [t.number for t in run.trials if t.costs["params"] <= 1_500_000]
    page.click("#within button")
    assert page.inner_text("#selected p").startswith(f"trial {best} ")
    page.fill("#budget-params", "0.1")
    settled(page, "None of 5 networks fit the budget; the smallest there is:")
    smallest = min(run.trials[:4], key=lambda trial: trial.costs["params"])
    million = f"{smallest.costs['params'] / 1e6:g}"
    said = f"trial {smallest.number}, {million} M parameters"
    assert page.inner_text("#within button") == said
    under = page.locator("p.budget .fits").all_inner_texts()  # where it was typed, and nowhere else
    assert under == [f"None of 5 networks fit the budget; the smallest there is: {said}", ""]
    page.fill("#budget-params", million)
    page.wait_for_function("document.querySelector('#within span').textContent.startsWith('1 of 5')")


def test_selected_trial_is_exported_by_a_command_to_copy(open_page, run):
    page = open_page(write_report(run.path), permissions=["clipboard-read", "clipboard-write"])
    page.click("#front tr[data-trial='3'] button.pick")
    page.click("#selected button.copy")
    page.wait_for_selector("#selected button.copy:text('Copied')")
    command = f"cheapsearch export {run.path} --pick trial=3"
    assert page.evaluate("navigator.clipboard.readText()") == command
    page.click("#trials tr[data-trial='5'] button.pick")  # it was not trained
    assert page.locator("#selected .export").is_hidden()


def test_phone_shows_whole_rows_of_the_pick_and_a_short_selection(open_page, run):
    page = open_page(write_report(run.path), width=390, has_touch=True)
    assert page.locator(".scroll:has(.compare)").evaluate("box => box.scrollWidth <= box.clientWidth")
    page.locator("#front tbody button.pick").first.click()
    assert page.locator("#selected").bounding_box()["height"] < 130
    assert "expand" not in page.inner_text("#selected p")
    assert page.locator("#selected kbd").is_hidden()


def test_budget_is_dragged_and_input_and_line_stay_in_step(page, run):
    between = 1_900_000  # trial 3 has 1.8 M, the unmodified network 2 M
    line = page.locator(".handle").first
    line.scroll_into_view_if_needed()
    box, (left, _), (right, _) = (
        line.bounding_box(),
        place(page, "accuracy-params", 3),
        place(page, "accuracy-params", 0),
    )
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move((left + right) / 2, middle, steps=5)
    said, _ = said_within(run, between)
    settled(page, said)  # while it is dragged
    page.mouse.up()
    assert abs(float(page.input_value("#budget-params")) * 1e6 - between) < 20_000
    page.fill("#budget-params", "1.8")
    moved = line.bounding_box()
    assert abs(moved["x"] + moved["width"] / 2 - place(page, "accuracy-params", 3)[0]) < 2
    page.mouse.move(moved["x"] + moved["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, middle, steps=5)  # over the edge: no budget
    page.mouse.up()
    settled(page, "5 networks")
    assert page.input_value("#budget-params") == ""


def test_finger_drags_a_budget(open_page, run):
    page = open_page(write_report(run.path), width=390, has_touch=True)
    assert page.evaluate("getComputedStyle(document.querySelector('.handle')).touchAction") == "none"
    assert page.evaluate("document.querySelector('.plot').layout.dragmode") is False  # it scrolls the page


def test_copy_button_copies_the_command(open_page, run):
    page = open_page(write_report(run.path), permissions=["clipboard-read", "clipboard-write"])
    button = page.locator("#repeat button.copy")
    button.click()
    page.wait_for_function("button => button.textContent === 'Copied'", arg=button.element_handle())
    assert page.evaluate("navigator.clipboard.readText()") == run.command


def test_copy_button_selects_where_the_clipboard_is_closed(open_page, run):
    page = open_page(write_report(run.path), before="delete Navigator.prototype.clipboard")
    page.click("#repeat button.copy")
    assert page.evaluate("getSelection().toString()") == run.command
