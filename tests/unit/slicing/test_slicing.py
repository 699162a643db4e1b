"""What a shard carries, on models small enough to look at; every claim is checked by the real LiteRT."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from modelkit.slicing import FRAME, CutRefusedError, cuts, read_graph, slice_model, split
from modelkit.tflite import read_tflite
from tests.slicing_testing.runtime import BUILTIN, DELEGATED, differing, load, make_inputs, run, run_chain
from tests.slicing_testing.tiny_models import (
    OPERATORS,
    build_plain,
    change,
    find,
    halve,
    move_buffers_behind,
    note,
    put_out,
    rename_operators,
    sign,
)

PLAIN = build_plain()
HALF = change(PLAIN, halve("wide/kernel", "first/kernel", "logits/weights"))
MANY_ENDS = change(PLAIN, put_out("again", "scores", "picture", "wide/bias"))
MODELS = {
    "plain": PLAIN,
    "repeated_end": change(PLAIN, sign, put_out("scores", "scores")),
    "half": HALF,
    "behind": move_buffers_behind(PLAIN),
    "half_behind": move_buffers_behind(HALF),
    "many_ends": MANY_ENDS,
}
CHAINS = [(), *((at,) for at in range(1, OPERATORS)), (3, 6), (2, 4, 5, 8), tuple(range(1, OPERATORS))]


def names(tensors: object) -> list[str]:
    return [tensor.name for tensor in tensors]  # type: ignore[attr-defined]


@pytest.mark.parametrize("kernels", [DELEGATED, BUILTIN], ids=["xnnpack", "builtin"])
@pytest.mark.parametrize("model", MODELS)
def test_every_chain_of_shards_is_bit_identical_to_the_whole(model: str, kernels: object) -> None:
    data = MODELS[model]
    inputs = make_inputs(data)
    expected = run(data, inputs, kernels)
    for at in CHAINS:
        assert differing(expected, run_chain(split(data, at), inputs, kernels)) == 0, at


def test_a_dequantised_weight_can_be_an_output() -> None:
    """With builtin kernels only: XNNPACK leaves such an output of the whole model unwritten."""
    data = change(HALF, put_out("scores", "wide/kernel"))
    inputs = make_inputs(data)
    expected = run(data, inputs, BUILTIN)
    assert abs(expected[1]).max() > 0.1
    for at in CHAINS:
        assert differing(expected, run_chain(split(data, at), inputs, BUILTIN)) == 0, at


def test_all_ranges_of_operators_are_models_that_load() -> None:
    for start in range(OPERATORS):
        for end in range(start + 1, OPERATORS + 1):
            shard = slice_model(HALF, start, end)
            loaded = load(shard.data)
            assert names(shard.inputs) == [detail["name"] for detail in loaded.get_input_details()]
            assert names(shard.outputs) == [detail["name"] for detail in loaded.get_output_details()]


def test_a_shard_takes_all_that_crosses_at_its_start_and_gives_all_that_crosses_at_its_end() -> None:
    shard = slice_model(PLAIN, 2, 5)
    assert names(shard.inputs) == ["again"]
    assert names(shard.outputs) == ["again", "thin"]
    assert names(slice_model(PLAIN, 1, 4).outputs) == ["again", "deep"]


def test_stages_hand_on_what_only_later_ones_need() -> None:
    one, two, three = split(PLAIN, (2, 4)).stages
    assert (names(one.passes), names(two.passes), names(three.passes)) == ([], ["again"], [])
    assert names(two.leaves) == ["again", "deep"]
    assert [(arrival.tensor.name, arrival.origin) for arrival in three.arrives] == [("again", 0), ("deep", 1)]
    assert [(arrival.tensor.name, arrival.origin) for arrival in one.arrives] == [("picture", FRAME)]


def test_outputs_computed_early_travel_to_the_end_and_constant_ones_come_from_the_last_shard() -> None:
    pipeline = split(MANY_ENDS, (4,))
    assert names(pipeline.outputs) == ["again", "scores", "picture", "wide/bias"]
    assert names(pipeline.stages[0].shard.outputs) == ["picture", "again", "deep"]
    assert names(pipeline.stages[1].shard.outputs) == ["again", "scores", "picture", "wide/bias"]
    assert names(pipeline.stages[1].passes) == ["picture", "again"]


def test_weights_and_their_dequantisation_go_only_where_they_are_needed() -> None:
    graph = read_graph(HALF)
    assert [operator.kind for operator in graph.folded] == ["DEQUANTIZE"] * 3
    assert len(graph.operators) == OPERATORS
    inside = {start: tensor_names(slice_model(HALF, start, start + 1).data) for start in range(OPERATORS)}
    assert inside[2] == {"again", "wide", "wide/kernel", "wide/kernel/half", "wide/bias"}
    assert inside[5] == {"thin", "again", "joined"}


def test_the_same_model_and_range_give_the_same_bytes() -> None:
    shard = slice_model(PLAIN, 2, 6)
    assert shard == slice_model(bytes(bytearray(PLAIN)), 2, 6)
    assert shard.digest == hashlib.sha256(shard.data).hexdigest()


def test_where_the_weights_lie_in_the_file_makes_no_difference() -> None:
    assert slice_model(PLAIN, 2, 6).data == slice_model(move_buffers_behind(PLAIN), 2, 6).data


def test_a_shard_of_a_shard_is_the_shard() -> None:
    outer = slice_model(PLAIN, 2, 9)
    assert slice_model(outer.data, 1, 3).data == slice_model(PLAIN, 3, 5).data


def test_weights_lie_at_multiples_of_sixteen() -> None:
    data = slice_model(PLAIN, 2, 6).data
    model = schema.ModelT.InitFromPackedBuf(data)
    weights = [bytes(buffer.data) for buffer in model.buffers if buffer.data is not None]
    assert weights
    assert [data.index(each) % 16 for each in weights] == [0] * len(weights)


def test_quantisation_is_kept() -> None:
    def quantise(model: object) -> None:
        tensor = model.subgraphs[0].tensors[find(model, "wide")]  # type: ignore[attr-defined]
        tensor.type = schema.TensorType.INT8
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale, tensor.quantization.zeroPoint = np.array([0.25], np.float32), np.array([-7])
        tensor.quantization.quantizedDimension = 3

    shard = slice_model(change(PLAIN, quantise), 3, 6)
    facts = {tensor.name: tensor for tensor in read_tflite(shard.data).inputs}
    assert facts["wide"].dtype == "int8"
    assert facts["wide"].quantization == (0.25, -7)


def test_a_custom_operator_keeps_its_name_and_options() -> None:
    def make_custom(model: object) -> None:
        rename_operators(schema.BuiltinOperator.CUSTOM, 3)(model)
        model.operatorCodes[-1].customCode = "Bramble:Test"  # type: ignore[attr-defined]
        operator = model.subgraphs[0].operators[3]  # type: ignore[attr-defined]
        operator.builtinOptionsType, operator.builtinOptions = 0, None
        operator.customOptions = list(b"\x01\x02\x03")

    data = change(PLAIN, make_custom)
    assert read_tflite(slice_model(data, 2, 5).data).custom_operators == ("Bramble:Test",)
    assert read_tflite(slice_model(data, 4, 9).data).custom_operators == ()
    shard = schema.ModelT.InitFromPackedBuf(slice_model(data, 2, 5).data)
    assert bytes(shard.subgraphs[0].operators[1].customOptions) == b"\x01\x02\x03"


def test_signatures_stay_true() -> None:
    data = change(PLAIN, sign)
    whole = load(slice_model(data, 0, OPERATORS).data)
    assert whole.get_signature_list() == {"serving_default": {"inputs": ["image"], "outputs": ["answer_0"]}}
    first, second = (stage.shard for stage in split(data, (4,)).stages)
    again, deep = (tensor.index for tensor in first.outputs)
    (inputs,) = make_inputs(data)
    middle = load(first.data).get_signature_runner("serving_default")(image=inputs)
    assert set(middle) == {f"tensor_{again}", f"tensor_{deep}"}
    end = load(second.data).get_signature_runner("serving_default")(**middle)
    assert differing(run(data, [inputs]), [end["answer_0"]]) == 0


def test_notes_about_the_whole_model_are_dropped_and_others_kept() -> None:
    data = change(PLAIN, note("min_runtime_version", "TFLITE_METADATA"))
    shard = schema.ModelT.InitFromPackedBuf(slice_model(data, 1, 4).data)
    assert [entry.name.decode() for entry in shard.metadata] == ["min_runtime_version"]
    assert bytes(shard.buffers[shard.metadata[0].buffer].data) == b"min_runtime_version"


@pytest.mark.parametrize(("start", "end"), [(-1, 3), (3, 3), (4, 2), (0, OPERATORS + 1), (OPERATORS, OPERATORS + 1)])
def test_a_range_that_the_model_does_not_have_is_refused(start: int, end: int) -> None:
    with pytest.raises(CutRefusedError, match=f"the model has {OPERATORS}"):
        slice_model(PLAIN, start, end)


def test_cuts_that_do_not_rise_are_refused() -> None:
    with pytest.raises(CutRefusedError, match="no range of operators 5 to 3"):
        split(PLAIN, (5, 3))


def test_strings_cannot_cross_a_cut_and_the_list_of_cuts_says_so() -> None:
    def hold_strings(model: object) -> None:
        model.subgraphs[0].tensors[find(model, "wide")].type = schema.TensorType.STRING  # type: ignore[attr-defined]

    data = change(PLAIN, hold_strings)
    assert [cut.at for cut in cuts(read_graph(data)) if cut.problem] == [3]
    with pytest.raises(CutRefusedError, match=r"\(wide\) holds strings"):
        slice_model(data, 1, 3)
    assert names(slice_model(data, 1, 4).outputs) == ["again", "deep"]


def test_state_shared_by_operators_cannot_be_cut_apart() -> None:
    def remember(model: object) -> None:
        subgraph = model.subgraphs[0]  # type: ignore[attr-defined]
        state = schema.TensorT()
        state.name, state.shape, state.type, state.isVariable = "state", [1, 4], schema.TensorType.FLOAT32, True
        subgraph.tensors.append(state)
        for place in (3, 6):
            operator = subgraph.operators[place]
            operator.inputs = [*operator.inputs, len(subgraph.tensors) - 1]

    data = change(PLAIN, remember)
    assert [cut.at for cut in cuts(read_graph(data)) if cut.problem] == [4, 5, 6]
    with pytest.raises(CutRefusedError, match=r"\(state\) keeps state"):
        split(data, (5,))
    assert "state" not in names(slice_model(data, 3, 7).inputs)


def tensor_names(data: bytes) -> set[str]:
    return {tensor.name.decode() for tensor in schema.ModelT.InitFromPackedBuf(data).subgraphs[0].tensors}
