/* Compares what a case expects with what was found. */

#ifndef MATCH_H
#define MATCH_H

#include <cjson/cJSON.h>
#include <facevault.h>

/* What a case works with; the variables are members of a JSON object. */
typedef struct {
    facevault_engine *engine;
    facevault_vault *vault;
    cJSON *variables;
    char wrong[2000];
} run;

/* How far numbers may differ. */
extern double tolerance;

void die(const char *what);

/* A text that the caller frees. */
char *print(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* 0, with the reason in `run->wrong`. */
int fail(run *run, const char *place, const cJSON *expected, const cJSON *found);

/* Whether it matches; binds variables. */
int same(run *run, const char *place, const cJSON *expected, const cJSON *found);

#endif
