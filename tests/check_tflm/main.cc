/*
 * Runs three networks of four levels in TFLM's own interpreter, as a firmware would: the generated headers, redsc's
 * registration and kernels, and per network four interpreters on one MicroAllocator, in an arena of exactly the bytes
 * that redsc computed for a 64-bit host. What each level gives is compared with the level as a stock stand-alone
 * file in the same interpreter. Then custom options are damaged. The arguments are the folder with the stock files,
 * and a file for what TFLM says of the damage.
 */
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <list>
#include <string>
#include <vector>

#include "host_arenas.h"
#include "joined.h"
#include "joined_tflm.h"
#include "parts.h"
#include "residual.h"
#include "residual_tflm.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/micro/micro_resource_variable.h"
#include "tensorflow/lite/schema/schema_generated.h"
#include "window.h"
#include "window_tflm.h"

// TFLM's classes are in tflite, or in tflite::micro: whichever it is, they are found without a qualifier.
namespace tflite {
namespace micro {}
}  // namespace tflite
using namespace tflite;         // NOLINT
using namespace tflite::micro;  // NOLINT

namespace {

using check::are_equal;
using check::Bytes;
using check::file_bytes;
using check::Output;
using check::Random;
using check::read_file;
using check::require;

constexpr size_t kStockArenaBytes = 1 << 18;
constexpr int kSamples = 8;
constexpr int kSteps = 20;
constexpr int kRandomMutations = 400;

std::vector<uint8_t> random_input(MicroInterpreter& interpreter, Random& random, bool is_float) {
  std::vector<uint8_t> bytes(interpreter.input(0)->bytes);
  if (!is_float) {
    for (uint8_t& byte : bytes) {
      byte = static_cast<uint8_t>(random.next() >> 24);
    }
    return bytes;
  }
  for (size_t i = 0; i + sizeof(float) <= bytes.size(); i += sizeof(float)) {
    const float number = static_cast<float>(static_cast<int>(random.next() >> 16) - 32768) / 32768.0f;
    std::memcpy(&bytes[i], &number, sizeof number);
  }
  return bytes;
}

// Input, inference, output. An interpreter that is called here is the whole of a switch.
Output run(MicroInterpreter& interpreter, const std::vector<uint8_t>& input, bool is_float) {
  require(interpreter.input(0)->bytes == input.size(), "the levels have inputs of different sizes");
  std::memcpy(interpreter.input(0)->data.raw, input.data(), input.size());
  require(static_cast<int>(interpreter.Invoke()) == 0, "Invoke() fails");
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(interpreter.output(0)->data.raw);
  return Output{std::vector<uint8_t>(bytes, bytes + interpreter.output(0)->bytes), is_float};
}

// What the macros of a generated header say of a network.
#define NETWORK(Name, symbol, MACRO, is_float)                                              \
  struct Name {                                                                             \
    typedef MicroMutableOpResolver<MACRO##_OP_COUNT> Resolver;                              \
    static constexpr bool kIsFloat = is_float;                                              \
    static constexpr int kLevels = MACRO##_LEVEL_COUNT;                                     \
    static constexpr size_t kArenaBytes = MACRO##_HOST_BYTES;                               \
    static constexpr size_t kTargetBytes = MACRO##_RESIDENT_ALL_BYTES;                      \
    static constexpr size_t kModelBytes = MACRO##_MODEL_BYTES;                              \
    static const char* name() { return #symbol; }                                           \
    static const char* level(int slot) { return symbol##_levels[slot].name; }               \
    static const unsigned char* model() { return symbol##_model; }                          \
    static const void* slot(int slot) { return MACRO##_MODEL(slot); }                       \
    static bool register_ops(Resolver& resolver) { return symbol##_register_ops(resolver); } \
  }

NETWORK(Joined, joined, JOINED, false);
NETWORK(Residual, residual, RESIDUAL, true);
NETWORK(Window, window, WINDOW, false);

template <typename Network>
int variable_count() {
  return 0;
}

template <>
int variable_count<Window>() {
  return WINDOW_VARIABLE_COUNT;
}

// The variables of a network; none where it keeps no state.
template <typename Network>
MicroResourceVariables* variables_of(MicroAllocator* allocator) {
  const int count = variable_count<Network>();
  return count == 0 ? nullptr : MicroResourceVariables::Create(allocator, count);
}

// The levels of a network as a firmware has them, all ready at once.
template <typename Network>
class Firmware {
 public:
  Firmware() : arena_(Network::kArenaBytes), allocator_(MicroAllocator::Create(arena_.data(), arena_.size())) {
    MicroResourceVariables* variables = variables_of<Network>(allocator_);
    require(Network::register_ops(resolver_), "the ops cannot be registered");
    for (int slot = 0; slot < Network::kLevels; ++slot) {
      levels_.emplace_back(GetModel(Network::slot(slot)), resolver_, allocator_, variables);
      require(static_cast<int>(levels_.back().AllocateTensors()) == 0,
              std::string(Network::name()) + " does not fit into its arena");
      chosen_.push_back(&levels_.back());
    }
  }

  MicroInterpreter& level(int slot) { return *chosen_[static_cast<size_t>(slot)]; }
  MicroInterpreter* const* levels() const { return chosen_.data(); }
  size_t used_bytes() { return levels_.back().arena_used_bytes(); }

 private:
  Bytes arena_;
  MicroAllocator* allocator_;
  typename Network::Resolver resolver_;
  std::list<MicroInterpreter> levels_;
  std::vector<MicroInterpreter*> chosen_;
};

// A level as a file of its own, with TFLM's own kernels.
template <typename Network>
class Stock {
 public:
  Stock(const std::string& folder, int slot)
      : path_(folder + "/" + Network::name() + "_stock_" + Network::level(slot) + ".tflite"),
        file_(file_bytes(path_)),
        arena_(kStockArenaBytes) {
    MicroAllocator* allocator = MicroAllocator::Create(arena_.data(), arena_.size());
    read_file(path_, &file_);
    require(Network::register_ops(resolver_), "the ops cannot be registered");
    interpreter_.emplace_back(GetModel(file_.data()), resolver_, allocator, variables_of<Network>(allocator));
    require(static_cast<int>(interpreter().AllocateTensors()) == 0, path_);
  }

  MicroInterpreter& interpreter() { return interpreter_.front(); }

 private:
  std::string path_;
  Bytes file_, arena_;
  typename Network::Resolver resolver_;
  std::list<MicroInterpreter> interpreter_;
};

template <typename Network>
std::string place(int slot, int sample) {
  return std::string(Network::name()) + ", level " + Network::level(slot) + ", sample " + std::to_string(sample);
}

// Every sample through every level, the levels in another order each time.
template <typename Network>
void compare_with_stock(Firmware<Network>& firmware, const std::string& folder) {
  std::list<Stock<Network>> stock;
  std::vector<MicroInterpreter*> alone;
  for (int slot = 0; slot < Network::kLevels; ++slot) {
    stock.emplace_back(folder, slot);
    alone.push_back(&stock.back().interpreter());
  }
  Random random;
  std::vector<std::vector<Output>> seen(Network::kLevels);
  for (int sample = 0; sample < kSamples; ++sample) {
    const std::vector<uint8_t> input = random_input(firmware.level(0), random, Network::kIsFloat);
    for (int turn = 0; turn < Network::kLevels; ++turn) {
      const int slot = (turn * 3 + sample) % Network::kLevels;
      const Output found = run(firmware.level(slot), input, Network::kIsFloat);
      const Output wanted = run(*alone[static_cast<size_t>(slot)], input, Network::kIsFloat);
      require(are_equal(found, wanted), place<Network>(slot, sample) + " differs from the stock level");
      seen[static_cast<size_t>(slot)].push_back(found);
    }
  }
  for (int slot = 0; slot < Network::kLevels; ++slot) {
    const std::vector<Output>& outputs = seen[static_cast<size_t>(slot)];
    require(outputs.front().bytes != outputs.back().bytes, place<Network>(slot, 0) + " does not depend on its input");
    require(slot == 0 || outputs.front().bytes != seen[0].front().bytes, place<Network>(slot, 0) + " is level 0");
  }
}

// One stream of frames, another level at each step, against each level alone on the whole stream: the state of this
// network is the same for all of them.
void compare_streams(const std::string& folder) {
  Firmware<Window> firmware;
  std::list<Stock<Window>> stock;
  for (int slot = 0; slot < Window::kLevels; ++slot) {
    stock.emplace_back(folder, slot);
  }
  require(window_begin(firmware.levels()), "the levels do not begin");
  Random random;
  for (int step = 0; step < kSteps; ++step) {
    const std::vector<uint8_t> frame = random_input(firmware.level(0), random, false);
    const int chosen = step * 3 % Window::kLevels;  // slot 0 first
    const Output found = run(firmware.level(chosen), frame, false);
    int slot = 0;
    for (Stock<Window>& level : stock) {
      const Output wanted = run(level.interpreter(), frame, false);
      require(are_equal(found, wanted) == (slot == chosen), place<Window>(slot, step) + ": the stream is another one");
      ++slot;
    }
  }
  std::printf("window: %d steps of one stream, another level at each, bit-exact to each level alone\n", kSteps);
  std::printf("window: arena of %zu B on this host, %zu B used; %zu B on a 32-bit target\n", Window::kArenaBytes,
              firmware.used_bytes(), Window::kTargetBytes);
}

// A copy of the array in which the custom options of a level may be damaged.
template <typename Network>
class Damaged {
 public:
  explicit Damaged(int slot) : slot_(slot), array_(Network::kModelBytes), arena_(kStockArenaBytes) {
    std::memcpy(array_.data(), Network::model(), array_.size());
    const auto* operators = GetModel(root())->subgraphs()->Get(0)->operators();
    for (uint32_t i = 0; i < operators->size(); ++i) {
      const auto* options = operators->Get(i)->custom_options();
      if (options != nullptr) {
        options_.push_back(const_cast<uint8_t*>(options->data()));
        sizes_.push_back(options->size());
      }
    }
  }

  size_t count() const { return options_.size(); }
  size_t bytes(size_t layer) const { return sizes_[layer]; }
  uint8_t* options(size_t layer) const { return options_[layer]; }

  // Whether TFLM takes the level as it is now; an accepted one is run.
  bool is_accepted() {
    typename Network::Resolver resolver;
    require(Network::register_ops(resolver), "the ops cannot be registered");
    MicroInterpreter interpreter(GetModel(root()), resolver, arena_.data(), arena_.size());
    if (static_cast<int>(interpreter.AllocateTensors()) != 0) {
      return false;
    }
    std::memset(interpreter.input(0)->data.raw, 1, interpreter.input(0)->bytes);
    return static_cast<int>(interpreter.Invoke()) == 0;
  }

 private:
  const void* root() const { return array_.data() + 16 * slot_; }

  int slot_;
  Bytes array_, arena_;
  std::vector<uint8_t*> options_;
  std::vector<size_t> sizes_;
};

struct Fault {
  size_t at;
  uint8_t flipped;
};

// Offsets are those of redsc_kernels.h.
constexpr Fault kFaults[] = {
    {0, 3},     // the version
    {1, 1},     // the element type
    {4, 0x80},  // a flag that nobody knows
    {5, 1},     // a byte that is zero
    {36, 1},    // the run count: none or one too many
    {39, 0xff}, // a run count of thousands of millions
    {43, 0x40}, // a start far behind the row
    {44, 1},    // a length that is one more or less
    {51, 0xff}, // a count of thousands of millions
};

template <typename Network>
int refuse_faults() {
  int refused = 0;
  for (int slot = 1; slot < Network::kLevels; ++slot) {
    Damaged<Network> damaged(slot);
    require(damaged.count() > 0, place<Network>(slot, 0) + " has no op of redsc");
    require(damaged.is_accepted(), place<Network>(slot, 0) + ": the copy of the array does not run");
    for (size_t layer = 0; layer < damaged.count(); ++layer) {
      for (const Fault& fault : kFaults) {
        damaged.options(layer)[fault.at] ^= fault.flipped;
        require(!damaged.is_accepted(), place<Network>(slot, 0) + ": damage at " + std::to_string(fault.at) +
                                            " of the options is not noticed");
        damaged.options(layer)[fault.at] ^= fault.flipped;
        ++refused;
      }
    }
  }
  return refused;
}

// One random byte at a time: refused or run, and no sanitizer may complain.
template <typename Network>
int survive_mutations() {
  Random random;
  Damaged<Network> damaged(Network::kLevels - 1);
  int refused = 0;
  for (int i = 0; i < kRandomMutations; ++i) {
    const size_t layer = random.next() % damaged.count();
    uint8_t* byte = damaged.options(layer) + random.next() % damaged.bytes(layer);
    const uint8_t before = *byte;
    *byte = static_cast<uint8_t>(random.next() >> 24);
    refused += damaged.is_accepted() ? 0 : 1;
    *byte = before;
  }
  return refused;
}

template <typename Network>
void report(Firmware<Network>& firmware, const std::string& folder) {
  compare_with_stock(firmware, folder);
  std::printf("%s: %d levels x %d samples %s the stock levels\n", Network::name(), Network::kLevels, kSamples,
              Network::kIsFloat ? "within 1e-5 of" : "bit-exact to");
  std::printf("%s: arena of %zu B on this host, %zu B used; %zu B on a 32-bit target\n", Network::name(),
              Network::kArenaBytes, firmware.used_bytes(), Network::kTargetBytes);
}

template <typename Network>
void report_damage() {
  const int faults = refuse_faults<Network>();
  const int mutations = survive_mutations<Network>();
  std::printf("%s: %d faults in custom options refused; of %d with a random byte %d refused, the others run\n",
              Network::name(), faults, kRandomMutations, mutations);
}

}  // namespace

int main(int count, char** arguments) {
  require(count == 3, "give the folder with the stock levels, and a file for what TFLM says of damaged options");
  Firmware<Joined> joined;
  Firmware<Residual> residual;
  report(joined, arguments[1]);
  report(residual, arguments[1]);
  compare_streams(arguments[1]);
  std::fflush(stdout);
  require(std::freopen(arguments[2], "w", stderr) != nullptr, arguments[2]);
  report_damage<Joined>();
  report_damage<Residual>();
  compare_with_stock(joined, arguments[1]);  // the interpreters that were ready all the time are as they were
  compare_with_stock(residual, arguments[1]);
  std::printf("check-tflm passed\n");
  return 0;
}
