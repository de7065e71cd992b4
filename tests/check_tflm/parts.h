/* Parts of the check that know nothing of TFLM: failing, aligned memory, random numbers, comparing, reading files. */
#ifndef REDSC_CHECK_TFLM_PARTS_H
#define REDSC_CHECK_TFLM_PARTS_H

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <vector>

namespace check {

constexpr double kFloatTolerance = 1e-5;  // of the largest output
constexpr std::align_val_t kAlignment{16};

[[noreturn]] inline void fail(const std::string& what) {
  std::printf("FAILED: %s\n", what.c_str());
  std::exit(1);
}

inline void require(bool holds, const std::string& what) {
  if (!holds) {
    fail(what);
  }
}

// Bytes from the heap, aligned for a model or an arena: a sanitizer watches what lies around them.
class Bytes {
 public:
  explicit Bytes(size_t size) : size_(size), data_(static_cast<uint8_t*>(::operator new(size, kAlignment))) {}
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  ~Bytes() { ::operator delete(data_, kAlignment); }

  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  size_t size_;
  uint8_t* data_;
};

// Marsaglia's xorshift32 (Journal of Statistical Software 8/14, 2003): the same numbers on every host.
class Random {
 public:
  uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }

 private:
  uint32_t state_ = 2463534242u;
};

struct Output {
  std::vector<uint8_t> bytes;
  bool is_float;
};

inline bool are_equal(const Output& found, const Output& wanted) {
  if (!found.is_float || found.bytes.size() != wanted.bytes.size()) {  // int8: every bit
    return found.bytes == wanted.bytes;
  }
  const size_t count = found.bytes.size() / sizeof(float);
  std::vector<float> left(count), right(count);
  std::memcpy(left.data(), found.bytes.data(), found.bytes.size());
  std::memcpy(right.data(), wanted.bytes.data(), wanted.bytes.size());
  double largest = 0.0, difference = 0.0;
  for (size_t i = 0; i < count; ++i) {
    if (!std::isfinite(left[i])) {
      return false;
    }
    largest = std::fmax(largest, std::fabs(static_cast<double>(right[i])));
    difference = std::fmax(difference, std::fabs(static_cast<double>(left[i]) - static_cast<double>(right[i])));
  }
  return difference <= kFloatTolerance * largest;
}

inline void read_file(const std::string& path, Bytes* bytes) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  require(file != nullptr && std::fread(bytes->data(), 1, bytes->size(), file) == bytes->size(), path);
  std::fclose(file);
}

inline size_t file_bytes(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  require(file != nullptr && std::fseek(file, 0, SEEK_END) == 0, path);
  const long size = std::ftell(file);
  std::fclose(file);
  return static_cast<size_t>(size);
}

}  // namespace check

#endif  // REDSC_CHECK_TFLM_PARTS_H
