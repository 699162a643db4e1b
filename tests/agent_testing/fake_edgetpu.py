"""A libedgetpu for machines without an Edge TPU: a TFLite delegate that takes no operator, finds no device, or crashes.

The layout of ``TfLiteDelegate`` is public: tensorflow/lite/core/c/common.h.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_SOURCE = """
#include <stdint.h>
#include <stdlib.h>

typedef struct Delegate {
  void *data;
  int (*prepare)(void *context, struct Delegate *delegate);
  void *copy_from, *copy_to, *free_handle;
  int64_t flags;
  void *opaque_builder;
} Delegate;

static int prepare(void *context, Delegate *delegate) { return 0; }

Delegate *tflite_plugin_create_delegate(char **keys, char **values, size_t count, void (*report)(const char *)) {
#if defined(CRASHES)
  abort();
#elif defined(FINDS_NO_DEVICE)
  return NULL;
#endif
  Delegate *made = calloc(1, sizeof(Delegate));
  made->prepare = prepare;
  return made;
}

void tflite_plugin_destroy_delegate(Delegate *delegate) { free(delegate); }
"""


def build_library(folder: Path, behaviour: str = "WORKS") -> Path:
    """Compile ``libedgetpu.so.1`` into the folder. ``behaviour``: WORKS, CRASHES or FINDS_NO_DEVICE."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("the Edge TPU's stand-in needs a C compiler")
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "libedgetpu.so.1"
    subprocess.run(
        [compiler, "-shared", "-fPIC", f"-D{behaviour}", "-o", str(library), "-x", "c", "-"],
        input=_SOURCE.encode(),
        check=True,
        timeout=60,
    )
    return library


def plug_in(root: Path, vendor: str = "1a6e", product: str = "089a") -> None:
    """Show a USB device below a root that stands for ``/``."""
    device = root / "sys/bus/usb/devices/1-1"
    device.mkdir(parents=True)
    (device / "idVendor").write_text(f"{vendor}\n")
    (device / "idProduct").write_text(f"{product}\n")
