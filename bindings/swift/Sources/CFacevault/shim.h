#include <facevault.h>
