/* python.exe: all that it does is in the DLL that it lies beside. */
#include <windows.h>

typedef int (*main_of_python)(int, wchar_t **);

int wmain(int count, wchar_t **words)
{
    HMODULE dll = LoadLibraryW(PYTHON_DLL);
    main_of_python run = dll ? (main_of_python)GetProcAddress(dll, "Py_Main") : NULL;
    return run ? run(count, words) : 127;
}
