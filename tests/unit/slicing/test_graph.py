"""What the slicer refuses to cut, and what it says about the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ai_edge_litert import schema_py_generated as schema

from modelkit.errors import ModelRejectedError
from modelkit.slicing import cuts, read_graph, slice_model
from modelkit.slicing.cost import count_macs
from modelkit.slicing.operators import CALLING, REMEMBERING
from tests.slicing_testing.tiny_models import OPERATORS, build_plain, change, find, halve, put_out, rename_operators

PLAIN = build_plain()


@pytest.mark.parametrize("kind", sorted(CALLING | REMEMBERING))
def test_an_operator_that_leans_on_more_than_its_tensors_is_refused_by_name(kind: str) -> None:
    data = change(PLAIN, rename_operators(getattr(schema.BuiltinOperator, kind), 4))
    with pytest.raises(ModelRejectedError, match=rf"operator 4 of the file \({kind}\)") as caught:
        slice_model(data, 0, 2)
    assert caught.value.remedy


def change_tensor(name: str, **values: Any) -> Callable[[Any], None]:
    def apply(model: Any) -> None:
        for field, value in values.items():
            setattr(model.subgraphs[0].tensors[find(model, name)], field, value)

    return apply


def change_operator(place: int, **values: Any) -> Callable[[Any], None]:
    def apply(model: Any) -> None:
        for field, value in values.items():
            setattr(model.subgraphs[0].operators[place], field, value)

    return apply


def remove_subgraphs(model: Any) -> None:
    model.subgraphs = []


def store_input(model: Any) -> None:
    model.subgraphs[0].tensors[find(model, "picture")].buffer = 1


def repeat_input(model: Any) -> None:
    model.subgraphs[0].inputs = [0, 0]


def swap(model: Any) -> None:
    operators = model.subgraphs[0].operators
    operators[2], operators[3] = operators[3], operators[2]


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        (remove_subgraphs, "it has no subgraph"),
        (swap, r"operator 2 of the file \(DEPTHWISE_CONV_2D\) reads tensor \d+, which nothing before"),
        (store_input, "one is named twice or has a value in the file"),
        (repeat_input, "one is named twice or has a value in the file"),
        (change_operator(5, outputs=[0]), "of which one has a value already"),
        (change_operator(5, inputs=[0, 99]), "names tensors 0 to 99"),
        (change_operator(5, outputs=[-1]), "names tensors -1"),
        (change_operator(5, intermediates=[99]), "to 99"),
        (change_operator(5, opcodeIndex=99), "operator 5 is of kind 99"),
        (change_tensor("wide", type=99), "is of type 99"),
        (change_tensor("wide", buffer=99), "is in buffer 99"),
        (change_tensor("wide", shape=[1, -1]), "has 2 sides"),
        (change_tensor("wide", shape=[1] * 9), "has 9 sides"),
        (change_tensor("wide/kernel", externalBuffer=1), "is in another file"),
        (rename_operators(5000, 1), "operators of code 5000"),
    ],
)
def test_a_model_that_contradicts_itself_is_refused(broken: Callable[[Any], None], problem: str) -> None:
    data = change(PLAIN, broken)
    with pytest.raises(ModelRejectedError, match=problem):
        read_graph(data)


def test_an_output_that_nothing_computes_is_refused() -> None:
    def forget(model: Any) -> None:
        model.subgraphs[0].operators.pop()

    with pytest.raises(ModelRejectedError, match="is computed by no operator"):
        read_graph(change(PLAIN, forget))


def test_the_list_of_cuts_tells_what_crosses_and_how_much_is_done_before() -> None:
    found = cuts(read_graph(PLAIN))
    assert [cut.at for cut in found] == list(range(1, OPERATORS))
    picture = 8 * 8 * 4 * 4
    assert [cut.bytes // picture for cut in found[:6]] == [2, 1, 3, 3, 2, 1]
    assert [cut.tensors for cut in found] == [2, 1, 2, 2, 2, 1, 1, 1]
    assert found[0].after == "CONV_2D"
    assert found[0].macs_share == pytest.approx(1024 / (1024 + 2048 + 4608 + 2048 + 20))
    assert found[-1].macs_share == found[-1].parameters_share == 1


def test_the_bytes_of_a_cut_are_those_of_the_tensors_that_cross_it() -> None:
    graph = read_graph(change(PLAIN, put_out("again", "picture", "scores")))
    for cut in cuts(graph):
        crossing = list(graph.crossing(cut.at))
        assert (cut.tensors, cut.bytes) == (len(crossing), sum(tensor.bytes or 0 for tensor in crossing))


def test_multiplications_are_counted_for_products_of_matrices_too() -> None:
    graph = read_graph(PLAIN)
    assert [count_macs(graph, operator) for operator in graph.operators] == [
        8 * 8 * 4 * 4, 0, 8 * 8 * 4 * 8, 8 * 8 * 8 * 9, 8 * 8 * 8 * 4, 0, 0, 4 * 5, 0,
    ]  # fmt: skip
    left, right, product = ("first", (2, 8, 4)), ("again", (2, 4, 6)), ("wide", (2, 8, 6))

    def multiply(model: Any) -> None:
        rename_operators(schema.BuiltinOperator.BATCH_MATMUL, 2)(model)
        for name, shape in (left, right, product):
            model.subgraphs[0].tensors[find(model, name)].shape = list(shape)
        model.subgraphs[0].operators[2].inputs = [find(model, "first"), find(model, "again")]

    graph = read_graph(change(PLAIN, multiply))
    assert count_macs(graph, graph.operators[2]) == 2 * 8 * 4 * 6


def test_a_weight_stored_as_half_counts_with_what_is_stored() -> None:
    whole, half = (cuts(read_graph(data)) for data in (PLAIN, change(PLAIN, halve("thin/kernel"))))
    assert half[1].parameters_share > whole[1].parameters_share
