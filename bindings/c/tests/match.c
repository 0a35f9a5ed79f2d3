#include "match.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double tolerance;

void die(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

int fail(run *run, const char *place, const cJSON *expected, const cJSON *found) {
    char *a = cJSON_PrintUnformatted(expected), *b = cJSON_PrintUnformatted(found);
    snprintf(run->wrong, sizeof run->wrong, "%s: expected %.800s, found %.800s", place, a, b);
    free(a);
    free(b);
    return 0;
}

char *print(const char *format, ...) {
    char *text = malloc(4096);
    va_list list;
    va_start(list, format);
    if (text == NULL || vsnprintf(text, 4096, format, list) >= 4096) {
        die("a text is too long");
    }
    va_end(list);
    return text;
}

static int base64(char c) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c == 0 ? NULL : strchr(letters, c);
    return found == NULL ? -1 : (int)(found - letters);
}

/* The floats of a text in base64; the caller frees them. */
static float *floats(const char *text, size_t *count) {
    unsigned char *bytes = calloc(strlen(text) + 16, 1);
    size_t size = 0;
    unsigned long bits = 0;
    int held = 0;
    for (; base64(*text) >= 0; text++) {
        bits = (bits << 6 | (unsigned long)base64(*text)) & 0xffffff;
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes[size++] = (unsigned char)(bits >> held);
        }
    }
    *count = size / sizeof(float);
    float *numbers = malloc(size + sizeof(float));
    memcpy(numbers, bytes, size);
    free(bytes);
    return numbers;
}

static int same_encoding(run *run, const char *place, const cJSON *expected, const cJSON *found) {
    size_t count;
    float *numbers = floats(found->valuestring, &count);
    double length = 0;
    for (size_t i = 0; i < count; i++) {
        length += (double)numbers[i] * (double)numbers[i];
    }
    length = sqrt(length);
    int is_same = cJSON_GetObjectItem(expected, "count")->valuedouble == (double)count;
    size_t i = 0;
    const cJSON *component;
    cJSON_ArrayForEach(component, cJSON_GetObjectItem(expected, "components")) {
        is_same = is_same && i < count && fabs(component->valuedouble - (double)numbers[i]) <= tolerance * length;
        i++;
    }
    free(numbers);
    return is_same ? 1 : fail(run, place, expected, found);
}

int same(run *run, const char *place, const cJSON *expected, const cJSON *found) {
    if (cJSON_IsString(expected)) {
        const char *text = expected->valuestring;
        if (strcmp(text, "*") == 0) {
            return 1;
        }
        if (text[0] == '$') {
            const cJSON *known = cJSON_GetObjectItemCaseSensitive(run->variables, text + 1);
            if (known != NULL) {
                return same(run, place, known, found);
            }
            cJSON_AddItemToObject(run->variables, text + 1, cJSON_Duplicate(found, 1));
            return 1;
        }
        return cJSON_IsString(found) && strcmp(text, found->valuestring) == 0 ? 1 : fail(run, place, expected, found);
    }
    if (cJSON_IsObject(expected) && cJSON_IsString(found) && cJSON_HasObjectItem(expected, "components")) {
        return same_encoding(run, place, expected, found);
    }
    if (cJSON_IsNumber(expected) && cJSON_IsNumber(found)) {
        double a = expected->valuedouble, b = found->valuedouble;
        double size = fmax(fmax(fabs(a), fabs(b)), 0.01);
        return fabs(a - b) <= tolerance * size ? 1 : fail(run, place, expected, found);
    }
    if (cJSON_IsObject(expected) && cJSON_IsObject(found)) {
        const cJSON *member;
        cJSON_ArrayForEach(member, expected) {
            const cJSON *value = cJSON_GetObjectItemCaseSensitive(found, member->string);
            char *inside = print("%.3000s.%s", place, member->string);
            int is_same = value != NULL ? same(run, inside, member, value) : fail(run, inside, member, found);
            free(inside);
            if (!is_same) {
                return 0;
            }
        }
        return 1;
    }
    if (cJSON_IsArray(expected) && cJSON_IsArray(found)) {
        int size = cJSON_GetArraySize(expected);
        int is_same = size == cJSON_GetArraySize(found) ? 1 : fail(run, place, expected, found);
        for (int i = 0; is_same && i < size; i++) {
            char *inside = print("%.3000s[%d]", place, i);
            is_same = same(run, inside, cJSON_GetArrayItem(expected, i), cJSON_GetArrayItem(found, i));
            free(inside);
        }
        return is_same;
    }
    return cJSON_Compare(expected, found, 1) ? 1 : fail(run, place, expected, found);
}
