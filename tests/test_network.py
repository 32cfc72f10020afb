"""The network's parts, each against what the report or algebra says of it."""

import json

import msgspec
import pytest
import torch

from trcaugment.model.card import NetworkSizes, models_folder
from trcaugment.model.network import FrameAttention, MarkerNetwork, SelfAttention
from trcaugment.model.torch_engine import load_network

SMALL = NetworkSizes(hidden=8, n_layers=1)
N_FEATURES = 47


def network(sizes=SMALL, n_keypoints=15, n_markers=35, *, trained=True, seed=0):
    """A network with random weights everywhere (`trained`), or as it starts."""
    torch.manual_seed(seed)
    made = MarkerNetwork(sizes, n_keypoints, n_markers)
    if trained:
        with torch.no_grad():
            for parameter in made.parameters():
                parameter.normal_(0, 0.3)
    return made


def windows(n=4, n_frames=30, n_features=N_FEATURES, seed=1):
    return torch.randn(n, n_frames, n_features, generator=torch.Generator().manual_seed(seed))


def test_the_default_sizes_are_those_of_the_problem():
    assert network(NetworkSizes())(windows(2)).shape == (2, 30, 105)


@pytest.mark.parametrize(
    ("sizes", "n_keypoints", "n_markers"),
    [
        (SMALL, 15, 35),
        (NetworkSizes(hidden=5, n_layers=3), 15, 43),
        (NetworkSizes(hidden=3, n_layers=2), 4, 2),
        (NetworkSizes(hidden=4, n_layers=1), 2, 1),
    ],
)
def test_the_number_of_parameters_is_that_of_the_sizes(sizes, n_keypoints, n_markers):
    f, t, h, k = 3 * n_keypoints + 2, 3 * n_markers, sizes.hidden, n_keypoints

    def bilstm(n_inputs):
        return 2 * 4 * h * (n_inputs + h + 2)

    expected = 2 * bilstm(f) + (sizes.n_layers - 1) * bilstm(2 * h) + (2 * h + 1) * (k + t) + (f + 1) * t
    made = network(sizes, n_keypoints, n_markers)
    assert sum(parameter.numel() for parameter in made.parameters()) == expected
    assert made(windows(3, 7, f)).shape == (3, 7, t)


def test_attention_is_positive_and_sums_to_one_in_every_frame():
    weights = network().attention(windows()).detach()
    assert weights.shape == (4, 30, 15)
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(4, 30))
    assert float(weights.std(dim=-1).min()) > 1e-4  # and does choose
    # Scores lie between -1 and 1, so no keypoint weighs more than e^2 times another.
    assert float((weights.amax(dim=-1) / weights.amin(dim=-1)).max()) < 7.4


def test_even_attention_leaves_the_keypoints_as_they_are():
    made, features = network(), windows()
    with torch.no_grad():
        made.score.weight.zero_()
        made.score.bias.zero_()
    expected = made.output(made.lstm(features)[0]) + made.linear_path(features)
    torch.testing.assert_close(made(features), expected)


def test_attention_weighs_keypoints_but_never_height_and_mass():
    made, features = network(), windows()
    weights = 15 * made.attention(features)
    seen = []
    made.lstm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    made(features)
    torch.testing.assert_close(seen[0][..., 45:], features[..., 45:])
    for k in range(15):
        torch.testing.assert_close(
            seen[0][..., 3 * k : 3 * k + 3], features[..., 3 * k : 3 * k + 3] * weights[..., k : k + 1]
        )


def test_a_new_network_predicts_zeros_and_after_the_fit_just_the_linear_path():
    made, features = network(trained=False).requires_grad_(False), windows()
    assert not made(features).any()
    targets = torch.randn(500, 105, generator=torch.Generator().manual_seed(2))
    samples = torch.randn(500, 47, generator=torch.Generator().manual_seed(3))
    made.fit_linear_path(samples, targets)
    standardized = (features - made.mean) / made.deviation
    torch.testing.assert_close(made(features), made.linear_path(standardized))
    assert float(made(features).std()) > 0.01


def planted(n_samples, noise=0.0):
    """Features of unlike sizes and a linear map of them."""
    random = torch.Generator().manual_seed(4)
    size = torch.logspace(-2, 2, 47)
    features = size * torch.randn(n_samples, 47, generator=random) + 3 * size
    weight = torch.randn(47, 105, generator=random) / size[:, None]
    bias = torch.randn(105, generator=random)
    targets = features @ weight + bias
    return features, targets + noise * torch.randn(targets.shape, generator=random), targets


def test_the_linear_path_recovers_a_planted_linear_map():
    features, targets, _ = planted(3000)
    made = network(trained=False).requires_grad_(False)
    made.fit_linear_path(features[:2000], targets[:2000])
    found = made(features[None, 2000:])[0]
    unexplained = (found - targets[2000:]).std(dim=0) / targets[2000:].std(dim=0)
    assert float(unexplained.max()) < 0.003  # the ridge takes a thousandth
    torch.testing.assert_close(made.mean, features[:2000].mean(dim=0))
    torch.testing.assert_close(made.deviation, features[:2000].std(dim=0))


def test_the_linear_path_sees_through_noise():
    features, noisy, true = planted(6000, noise=1.0)
    made = network(trained=False).requires_grad_(False)
    made.fit_linear_path(features[:5000], noisy[:5000])
    assert float((made(features[None, 5000:])[0] - true[5000:]).square().mean()) < 3 * 48 / 5000


def test_opposite_and_constant_features_do_not_blow_up_the_linear_path():
    features, targets, _ = planted(2000)
    features[:, 12:15] = -features[:, 9:12]  # the hips, after centering
    features[:, 0] = 0.25
    made = network(trained=False).requires_grad_(False)
    made.fit_linear_path(features, targets)
    assert torch.isfinite(made.linear_path.weight).all()
    assert float(made.linear_path.weight.abs().max()) < 10 * float(targets.std())
    off = features[:1000].clone()
    off[:, 12:15] += 0.01 * made.deviation[12:15]  # no longer exact opposites
    moved = made(off[None])[0] - made(features[None, :1000])[0]
    assert float(moved.abs().max()) < 0.1 * float(targets.std())


def test_frames_know_of_frames_before_and_after():
    made, features = network(), windows(1)
    with torch.no_grad():
        for name, bias in made.named_parameters():
            if "bias_hh" in name:
                bias[8:16] = 4.0  # forget gates open: a memory of half a second
    made.requires_grad_(False)
    outputs = made(features)
    for changed, read in ((29, 0), (0, 29)):
        other = features.clone()
        other[:, changed] += 1.0
        assert float((made(other) - outputs)[0, read].abs().max()) > 1e-4
    # Windows of one batch know nothing of each other.
    both = torch.cat([features, windows(1, seed=9)])
    torch.testing.assert_close(made(both)[:1], outputs)


def test_gradients_flow_into_attention_and_every_other_part():
    made = network()
    made(windows()).square().mean().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().max()) > 0, name


def test_a_new_network_learns_beside_its_linear_path():
    """Planted: attention times keypoint is a product, which no linear map can follow."""
    made, features = network(trained=False), windows(64)
    targets = (features[..., :1] * features[..., 3:4]).expand(-1, -1, 105)
    optimizer = torch.optim.Adam(made.parameters(), 0.02)
    errors = []
    for _ in range(60):
        error = (made(features) - targets).square().mean()
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(float(error.detach()))
    assert errors[-1] < 0.75 * errors[0]


# --- the report's other networks, and what it left for the future


def of(**parts):
    return msgspec.structs.replace(SMALL, **parts)


VARIANTS = {
    "lstm": of(bidirectional=False, spatial_attention=False, linear_path=False),
    "bilstm": of(spatial_attention=False, linear_path=False, n_layers=4),
    "attention": of(linear_path=False),
    "two-attentions": of(linear_path=False, temporal_attention="frames"),
    "self-attention": of(temporal_attention="self"),
    "lstm-attention": of(bidirectional=False, n_layers=2),
}
every_variant = pytest.mark.parametrize("sizes", VARIANTS.values(), ids=VARIANTS)


def test_the_sizes_of_a_card_without_newer_parts_are_those_of_the_first_network():
    """Cards written before the parts could be chosen say nothing of them."""
    card = json.loads((models_folder() / "bilstm-attention-v1" / "card.json").read_text(encoding="utf-8"))
    assert "bidirectional" not in card["sizes"]
    sizes = msgspec.convert(card["sizes"], NetworkSizes)
    parts = (sizes.bidirectional, sizes.spatial_attention, sizes.temporal_attention, sizes.linear_path)
    assert parts == (True, True, "none", True)
    assert load_network("bilstm-attention-v1").lstm.bidirectional


@every_variant
def test_every_variant_predicts_learns_and_has_no_part_that_it_does_not_use(sizes):
    made = network(sizes)
    predicted, weights, _ = made.run(windows())
    assert predicted.shape == (4, 30, 105)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(4, 30))
    predicted.square().mean().backward()
    for name, parameter in made.named_parameters():
        assert parameter.grad is not None, name
        # Softmax does not change if all scores of one kind rise together, nor self-attention with the keys' bias.
        if name not in ("temporal.score.bias", "temporal.heads.in_proj_bias"):
            assert float(parameter.grad.abs().max()) > 0, name


@every_variant
def test_every_variant_comes_back_from_its_weights_and_sizes(sizes):
    made, features = network(sizes).eval(), windows()
    again = MarkerNetwork(msgspec.json.decode(msgspec.json.encode(sizes), type=NetworkSizes), 15, 35).eval()
    again.load_state_dict(made.state_dict())
    torch.testing.assert_close(again(features), made(features), rtol=0, atol=0)


def test_without_attention_the_lstm_reads_the_features_as_they_are():
    made, features = network(VARIANTS["bilstm"]), windows()
    torch.testing.assert_close(made(features), made.output(made.lstm(features)[0]))
    torch.testing.assert_close(made.attention(features), torch.full((4, 30, 15), 1 / 15))


def test_a_one_way_lstm_knows_no_later_frames_and_needs_half_the_states():
    made, features = network(VARIANTS["lstm"]).requires_grad_(False), windows(1)
    assert made.output.in_features == 8
    other = features.clone()
    other[:, 15] += 1.0
    moved = (made(other) - made(features)).abs().amax(dim=-1)[0]
    assert not moved[:15].any()
    assert (moved[15:17] > 1e-4).all()


def test_without_a_linear_path_training_starts_near_the_mean():
    made = network(VARIANTS["attention"], trained=False).requires_grad_(False)
    features, targets, _ = planted(2000)
    made.fit_linear_path(features, targets)
    torch.testing.assert_close(made.output.bias, targets.mean(dim=0))
    torch.testing.assert_close(made.deviation, features.std(dim=0))
    assert float(made.output.weight.abs().max()) > 0  # so that the layers below learn from the first step on


def test_attention_to_frames_multiplies_whole_frames_by_a_softmax_over_the_window():
    layer, hidden = FrameAttention(16), torch.randn(3, 30, 16, generator=torch.Generator().manual_seed(6))
    factor = layer(hidden).detach() / hidden
    torch.testing.assert_close(factor, factor[..., :1].expand_as(factor), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(factor[..., 0].mean(dim=1), torch.ones(3))
    assert float(factor.std()) > 0.01
    with torch.no_grad():
        layer.score.weight.zero_()
    torch.testing.assert_close(layer(hidden), hidden)  # even attention changes nothing


def test_in_self_attention_every_frame_takes_from_every_other_and_keeps_its_own():
    layer, hidden = SelfAttention(16), torch.randn(1, 30, 16, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        layer.heads.out_proj.weight.normal_(0, 1)
    other = hidden.clone()
    other[:, 12] += 3.0
    moved = (layer(other) - layer(hidden)).abs().amax(dim=-1)[0]
    assert (moved > 1e-5).all()
    with torch.no_grad():
        layer.heads.out_proj.weight.zero_()
        layer.heads.out_proj.bias.zero_()
    torch.testing.assert_close(layer(hidden), hidden)


@pytest.mark.parametrize("n_states", [6, 5])
def test_self_attention_takes_any_number_of_states(n_states):
    assert SelfAttention(n_states)(torch.zeros(1, 3, n_states)).shape == (1, 3, n_states)


@every_variant
def test_positions_are_not_rounded_when_the_rest_runs_in_half_precision(sizes):
    made, features = network(sizes).requires_grad_(False), windows()
    made.mean.copy_(torch.linspace(-1, 1, 47))
    outputs = []
    for layer in filter(None, (made.output, made.linear_path)):
        layer.register_forward_hook(lambda _, inputs, result: outputs.extend([*inputs, result]))
    with torch.autocast("cpu", torch.bfloat16):
        predicted, weights, _ = made.run(features)
    assert all(values.dtype == torch.float32 for values in [*outputs, predicted, weights])
    rounded = predicted.bfloat16().float()
    assert float((rounded != predicted).float().mean()) > 0.9
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(4, 30))
    if made.linear_path is not None:  # and its part is exact
        made.output.weight.zero_()
        with torch.autocast("cpu", torch.bfloat16):
            predicted = made(features)
        torch.testing.assert_close(predicted, made(features), rtol=0, atol=0)


def test_spread_learns_from_the_errors_and_changes_no_prediction():
    sizes = NetworkSizes(hidden=8, n_layers=1, spread=True)
    made, features = network(sizes), windows()
    predicted = made.run(features)
    assert predicted.log_spread.shape == predicted.markers.shape
    predicted.log_spread.sum().backward()
    moved = {name for name, parameter in made.named_parameters() if parameter.grad is not None}
    assert moved == {"spread.weight", "spread.bias"}
