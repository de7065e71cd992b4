/*
 * A plugin of QEMU that counts instructions, and cycles of a simple model of the Cortex-M4, between the two marks of
 * probe.h. At the end of each stretch it appends a line with both numbers to the file of its argument `out`.
 * This file carries no licence obligation.
 *
 * The model: memory without wait states. A load or store takes 2 cycles, right after another one 1; one of n registers
 * takes 1 + n, of a pair 3; a division 6; all others 1. Where the next instruction is not the following one, 2 more
 * are for filling the pipeline. (Cortex-M4 Technical Reference Manual, 3.3.1; a division takes 2 to 12 there.)
 * Not in it: penalties of unaligned words, waiting for flash, how long floating-point arithmetic takes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What is needed of qemu-plugin.h, version 1: distributions do not install it. */
typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*on_translation)(plugin_id id, struct qemu_plugin_tb *block);
typedef void (*on_execution)(unsigned cpu, void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, on_translation call);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *step, on_execution call, int flags, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *step);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *step);

#define EXPORT __attribute__((visibility("default")))
EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_install(plugin_id id, const void *machine, int count, char **arguments);
int qemu_plugin_version = 1;

enum { NO_MARK, BEGIN, END };
enum { BEGIN_CODE = 0x46C9, END_CODE = 0x46D2 }; /* mov r9, r9; mov r10, r10 */
enum { WIDE = 0xE800 };                          /* from here on instructions have a second half */

/* What is known of an instruction; it travels in the pointer that a callback gets. */
typedef struct {
  uint32_t address;
  uint8_t size, cycles, is_single, mark; /* is_single: one load or store */
} step;

static FILE *out;
static int is_counting;
static uint64_t instructions, cycles;
static step last;

static unsigned registers(unsigned list) {
  unsigned count = 0;
  for (; list != 0; list &= list - 1) {
    ++count;
  }
  return count;
}

/* Armv7-M Architecture Reference Manual, A5.2: 16-bit instructions. */
static void classify_narrow(step *found, unsigned code) {
  const unsigned top = code >> 12;
  if (code == BEGIN_CODE || code == END_CODE) {
    found->mark = code == BEGIN_CODE ? BEGIN : END;
  } else if (code >> 11 == 9 || (top >= 5 && top <= 9)) { /* LDR literal, loads and stores */
    found->is_single = 1;
    found->cycles = 2;
  } else if (top == 12 || (code & 0xF600) == 0xB400) { /* LDM, STM, PUSH, POP */
    const unsigned extra = top == 12 ? 0 : code >> 8 & 1;
    found->cycles = (uint8_t)(1 + registers(code & 0xFF) + extra);
  }
}

/* A5.3: 32-bit instructions, the first half above. */
static void classify_wide(step *found, uint32_t code) {
  const unsigned kind = code >> 25 & 0x7F;
  if (kind == 0x74 && (code >> 22 & 1) == 0) { /* LDM, STM, PUSH, POP */
    found->cycles = (uint8_t)(1 + registers(code & 0xFFFF));
  } else if (kind == 0x74) { /* LDRD, STRD; exclusive ones; TBB, TBH */
    const unsigned is_pair = (code & 0x01200000) != 0;
    found->cycles = is_pair ? 3 : 2;
  } else if (kind == 0x7C) { /* one load or store */
    found->is_single = 1;
    found->cycles = 2;
  } else if (kind == 0x7D && ((code >> 20 & 0xFFF) == 0xFB9 || (code >> 20 & 0xFFF) == 0xFBB)) { /* SDIV, UDIV */
    found->cycles = 6;
  } else if ((kind == 0x76 || kind == 0x7E) && (code >> 9 & 7) == 5) { /* of the floating-point registers */
    const unsigned is_one = (code >> 24 & 1) != 0 && (code >> 21 & 1) == 0; /* VLDR, VSTR */
    const unsigned is_move = (code & 0x0FE00000) == 0x0C400000;             /* VMOV of two registers */
    const unsigned words = code & 0xFF;
    found->is_single = (uint8_t)is_one;
    found->cycles = (uint8_t)(is_one || is_move ? 2 : 1 + words);
  }
}

static step classify(const struct qemu_plugin_insn *which) {
  step found = {0, 0, 1, 0, NO_MARK};
  uint16_t half[2];
  const uint8_t *const bytes = (const uint8_t *)qemu_plugin_insn_data(which);
  found.address = (uint32_t)qemu_plugin_insn_vaddr(which);
  memcpy(&half[0], bytes, sizeof(half[0]));
  if (half[0] < WIDE) { /* QEMU says another size of what precedes the end of a page: it has looked at what follows */
    found.size = 2;
    classify_narrow(&found, half[0]);
  } else {
    found.size = 4;
    memcpy(&half[1], bytes + 2, sizeof(half[1]));
    classify_wide(&found, (uint32_t)half[0] << 16 | half[1]);
  }
  return found;
}

static void count(const step *now) {
  ++instructions;
  cycles += now->cycles;
  if (last.address + last.size != now->address) {
    cycles += 2;
  } else if (last.is_single && now->is_single) {
    --cycles;
  }
}

static void execute(unsigned cpu, void *data) {
  step now;
  (void)cpu;
  memcpy(&now, &data, sizeof(now));
  if (now.mark == END && is_counting) {
    is_counting = 0;
    fprintf(out, "%" PRIu64 " %" PRIu64 "\n", instructions, cycles);
    fflush(out);
  }
  if (is_counting) {
    count(&now);
  }
  if (now.mark == BEGIN) {
    is_counting = 1;
    instructions = cycles = 0;
  }
  last = now;
}

static void translate(plugin_id id, struct qemu_plugin_tb *block) {
  size_t index;
  (void)id;
  for (index = 0; index < qemu_plugin_tb_n_insns(block); ++index) {
    struct qemu_plugin_insn *const which = qemu_plugin_tb_get_insn(block, index);
    const step found = classify(which);
    void *data;
    memcpy(&data, &found, sizeof(data));
    qemu_plugin_register_vcpu_insn_exec_cb(which, execute, 0, data);
  }
}

int qemu_plugin_install(plugin_id id, const void *machine, int count, char **arguments) {
  (void)machine;
  if (sizeof(step) != sizeof(void *) || count != 1 || strncmp(arguments[0], "out=", 4) != 0) {
    return 1;
  }
  out = fopen(arguments[0] + 4, "w");
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  return out == NULL;
}
