/* As much of NVIDIA's driver as is asked before a GPU is used: STAND_IN_GPUS devices (0 where it is not set), which can be counted and named
   and nothing else. With it a program built for CUDA is tried on a machine without a GPU (`tests/tools/cuda-build.sh`). */
#include <stdio.h>
#include <stdlib.h>

static int gpus(void) {
    const char *told = getenv("STAND_IN_GPUS");
    return told ? atoi(told) : 0;
}

int cuInit(unsigned flags) {
    (void)flags;
    return gpus() > 0 ? 0 : 100; /* CUDA_ERROR_NO_DEVICE */
}

int cuDeviceGetCount(int *count) {
    *count = gpus();
    return 0;
}

int cuDeviceGet(int *device, int ordinal) {
    *device = ordinal;
    return ordinal < gpus() ? 0 : 101; /* CUDA_ERROR_INVALID_DEVICE */
}

int cuDeviceGetName(char *name, int length, int device) {
    snprintf(name, (size_t)length, "stand-in %d", device);
    return 0;
}
