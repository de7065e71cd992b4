/*
 * A plugin of QEMU that writes down what a program loads from a part of its memory. Arguments: out=FILE, and in hex
 * from=ADDRESS, to=ADDRESS (the part, without its end), entry=ADDRESS of a function. The file has an uint32 per load,
 * its address, and a zero whenever the function is entered.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is needed of qemu-plugin.h, version 1: distributions do not install it. */
typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void (*on_translation)(plugin_id id, struct qemu_plugin_tb *block);
typedef void (*on_execution)(unsigned cpu, void *data);
typedef void (*on_access)(unsigned cpu, uint32_t info, uint64_t address, void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, on_translation call);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *step, on_execution call, int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *step, on_access call, int flags, int kinds, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *block, size_t index);
_Bool qemu_plugin_mem_is_store(uint32_t info);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *step);

#define EXPORT __attribute__((visibility("default")))
EXPORT extern int qemu_plugin_version;
EXPORT int qemu_plugin_install(plugin_id id, const void *machine, int count, char **arguments);
int qemu_plugin_version = 1;

enum { NO_REGISTERS = 0, LOADS_AND_STORES = 3 }; /* of loads alone QEMU 7.2 tells some only */

static FILE *out;
static uint64_t from, to, entry;

static void put(uint32_t number) { fwrite(&number, sizeof(number), 1, out); }

static void enter(unsigned cpu, void *data) {
  (void)cpu;
  (void)data;
  put(0);
}

static void load(unsigned cpu, uint32_t info, uint64_t address, void *data) {
  (void)cpu;
  (void)data;
  if (!qemu_plugin_mem_is_store(info) && address >= from && address < to) {
    put((uint32_t)address);
  }
}

static void translate(plugin_id id, struct qemu_plugin_tb *block) {
  size_t index;
  (void)id;
  for (index = 0; index < qemu_plugin_tb_n_insns(block); ++index) {
    struct qemu_plugin_insn *const which = qemu_plugin_tb_get_insn(block, index);
    if (qemu_plugin_insn_vaddr(which) == entry) {
      qemu_plugin_register_vcpu_insn_exec_cb(which, enter, NO_REGISTERS, NULL);
    }
    qemu_plugin_register_vcpu_mem_cb(which, load, NO_REGISTERS, LOADS_AND_STORES, NULL);
  }
}

int qemu_plugin_install(plugin_id id, const void *machine, int count, char **arguments) {
  const char *names[4] = {"from=", "to=", "entry=", "out="};
  uint64_t *const numbers[3] = {&from, &to, &entry};
  int i, which;
  (void)machine;
  for (i = 0; i < count; ++i) {
    for (which = 0; which < 4; ++which) {
      const size_t length = strlen(names[which]);
      if (strncmp(arguments[i], names[which], length) != 0) {
        continue;
      }
      if (which == 3) {
        out = fopen(arguments[i] + length, "wb");
      } else {
        *numbers[which] = strtoull(arguments[i] + length, NULL, 16);
      }
    }
  }
  qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
  return out == NULL;
}
